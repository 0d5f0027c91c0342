"""The demonstration: real texts of the project's own writing, answered without any server."""
