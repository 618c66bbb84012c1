"""The commands that need no screen: the same engine, asked from a shell or a script; printed, or as JSON."""
