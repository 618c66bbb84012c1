"""One key: its facts, its value page by page, and changes of its TTL and name."""
