"""Smaller and faster versions of a model: `textmill compress`.

Each command is a file in `commands`, and takes a version directory to another one, its child: an
immutable version like any, that names its parent and says what it lost and won against it
(`models.compression.child`). Nothing here is imported by a worker but `litert` and `keras_int8`,
which run the builds that a version may have.
"""
