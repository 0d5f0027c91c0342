"""A file of a million rows in, the answers beside its columns out, while processes are killed."""
