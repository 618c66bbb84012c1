"""What a person can do to streams and their groups: planned exactly, carried out once, taken back where it can be."""
