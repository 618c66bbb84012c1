"""What these tests share with those of the purge."""

from tests.engine.purge.conftest import folder, live, store

__all__ = ["folder", "live", "store"]
