"""Heads: each module turns an encoder's features into the answer of one kind of task."""
