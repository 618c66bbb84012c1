"""TTLs of a whole family: planned and previewed as a purge is, changed only on what was previewed, and taken back."""
