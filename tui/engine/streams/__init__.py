"""Streams: found, looked at, sorted by trouble, looked into, and changed."""
