"""What a version does by its kind of head: parsing, the traced function, reading its outputs."""
