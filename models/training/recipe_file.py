"""A recipe as TOML, for `textmill train --config`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from models.training.config import Config


def write(recipe: Config, path: Path, heading: str) -> None:
    """Write every value of a recipe, below `heading` as a comment; the file appears whole."""
    lines = [f"# {heading}", *_table(msgspec.to_builtins(recipe), "")]
    staging = path.with_name(f".{path.name}")
    try:
        staging.write_text("\n".join(lines) + "\n", "utf-8")
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)


def _table(table: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the lines of a table, its plain values first; what is None is left out."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    rows = {key: value for key, value in table.items() if _rows(value)}
    for key, value in table.items():
        if key not in inner and key not in rows and value is not None:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        yield from ("", f"[{path}{_key(key)}]", *_table(value, f"{path}{_key(key)}."))
    for key, values in rows.items():
        for value in values:
            yield from ("", f"[[{path}{_key(key)}]]", *_table(value, f"{path}{_key(key)}."))


def _rows(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else _value(name)


def _value(value: Any) -> str:
    """Return a value as TOML: JSON's words for numbers, lists and strings, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
