"""The commands of `textmill compress`, one a file."""
