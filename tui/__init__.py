"""redtop: top for Redis. This package is the application; see ARCHITECTURE.md."""

__version__ = "0.1.0"
