"""Training: a recipe and labelled texts go in, a version directory comes out."""
