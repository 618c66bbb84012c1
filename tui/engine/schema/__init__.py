"""What keys mean: schemas, which key belongs to which family of theirs, and where the keyspace departs from them."""
