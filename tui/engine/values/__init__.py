"""What a value is, told from its bytes, and how it reads."""
