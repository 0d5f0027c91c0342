"""First vectors from a file: what somebody else learnt of words, before any training.

The text formats of word2vec and fastText (a first line with two numbers, then a word and its vector
a line) and of GloVe (without the first line), plain or gzip'd. The file is read line by line and
only what the vocabulary knows is kept, so its size does not matter. A vocabulary is in lower case:
a word that is spelt so in the file goes before one that must be folded. Tokens without a vector
keep their random one, as large as the others are on average.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.training.reading.lines import lines
from schemas.errors import DataError, SettingsError


class Found(NamedTuple):
    """Vectors float32 [tokens, size], and bool [tokens]: which of them the file has."""

    vectors: NDArray[np.float32]
    known: NDArray[np.bool_]


def start(network: Any, tokenizer: Any, path: Path) -> float:
    """Put a file's vectors into the embedding of `network`; return the share of tokens it has.

    Raises:
        DataError: the file cannot be read, is in no such format or knows no token.
        SettingsError: its vectors have another size than the network's.
    """
    layer = network.get_layer("tokens")
    (weights,) = layer.get_weights()
    found = read(path, tokenizer.spellings)
    size = found.vectors.shape[1]
    if size != weights.shape[1]:
        raise SettingsError(
            f"{path} has vectors of {size} numbers, the recipe of {weights.shape[1]}: "
            f"set embedding = {size} in its [encoder]"
        )
    weights *= found.vectors[found.known].std() / max(float(weights.std()), 1e-9)
    weights[found.known] = found.vectors[found.known]
    layer.set_weights([weights])
    return float(found.known.mean())


def read(path: Path, spellings: Mapping[str, int]) -> Found:
    """Read the vectors of tokens, given their spellings and numbers."""
    found: dict[int, tuple[bool, NDArray[np.float32]]] = {}
    for form, vector in _entries(path, spellings):
        exact = form in spellings
        number = spellings[form if exact else form.lower()]
        if number not in found or (exact and not found[number][0]):
            found[number] = exact, vector
    if not found:
        raise DataError(f"{path}: none of its words is a token: is it of another language?")
    size = len(next(iter(found.values()))[1])
    vectors = np.zeros((max(spellings.values()) + 1, size), dtype=np.float32)
    known = np.zeros(len(vectors), dtype=bool)
    for number, (_, vector) in found.items():
        vectors[number], known[number] = vector, True
    return Found(vectors, known)


def _entries(path: Path, spellings: Mapping[str, int]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the words that are tokens, and their vectors."""
    size = 0
    for number, line in enumerate(lines(path), start=1):
        parts = line.decode("utf-8", "replace").rstrip().split(" ")
        if number == 1 and len(parts) == 2 and all(part.isdecimal() for part in parts):
            continue
        size = size or len(parts) - 1
        form = " ".join(parts[:-size])
        if size < 2 or not form:
            raise DataError(f"{path}, line {number}: not a word and {max(size, 2)} numbers")
        if form in spellings or form.lower() in spellings:
            yield form, _vector(parts[-size:], f"{path}, line {number}")


def _vector(values: list[str], place: str) -> NDArray[np.float32]:
    try:
        vector = np.array(values, dtype=np.float32)
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error
    if not np.isfinite(vector).all():
        raise DataError(f"{place}: a number that is not finite")
    return vector
