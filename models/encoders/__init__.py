"""Context encoders: each module is one way from token ids to a vector (or to one per token)."""
