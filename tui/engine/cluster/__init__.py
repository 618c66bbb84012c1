"""A cluster: its nodes, which of them owns which slot, and questions that go to whoever holds the keys."""
