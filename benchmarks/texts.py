"""Texts to measure with: made up, or from a file.

The words are those of the demonstration's English texts, put together anew by a seed, so that a
measurement needs no corpus and every text is different. With the reference model's tokenizer the
mix has 13 tokens in the middle, 83 at the ninth tenth and 30 on average.
"""

import gzip
import random
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import msgspec

from schemas.errors import DataError
from workers.demo import samples

SHARES = ((0.75, 3, 13), (0.20, 22, 76), (0.05, 118, 142))
"""(share, fewest words, most words): three quarters short, a fifth medium, a twentieth long."""


class Document(msgspec.Struct):
    """A line of a file of texts; what else it says is passed over."""

    text: str


def mix(count: int, seed: int = 1) -> list[str]:
    """`count` different English texts, in random order of length."""
    words = _words()
    rng = random.Random(seed)
    kinds = rng.choices(SHARES, [share for share, _, _ in SHARES], k=count)
    return [" ".join(rng.choices(words, k=rng.randint(few, many))) for _, few, many in kinds]


def documents(path: Path, count: int) -> list[str]:
    """`count` texts of JSON lines with a `text` (a `.gz` too), from the beginning again at the end.

    Raises:
        DataError: the file cannot be read, is empty, or a line is no such object.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            found = [_document(line, n, path) for n, line in enumerate(islice(file, count), 1)]
    except OSError as error:
        raise DataError(f"Cannot read the texts in {path}: {error.strerror}.") from None
    if not found:
        raise DataError(f'{path} holds no text: write lines such as {{"text": "…"}}.')
    return list(islice(cycle(found), count))


def uniform(count: int, tokenizer: "Lengths", tokens: int, seed: int = 1) -> list[str]:
    """`count` different texts of exactly `tokens` tokens each."""
    words, rng = _words(), random.Random(seed)
    return list(islice(_exact(words, rng, tokenizer, tokens), count))


class Lengths:
    """Counts tokens: a thin cover of `models.text.tokenizer.Tokenizer`."""

    def __init__(self, file: Path) -> None:
        from models.text.tokenizer import Tokenizer

        self._tokenizer = Tokenizer.load(file)

    def of(self, texts: list[str]) -> list[int]:
        """Tokens of each text, uncut."""
        return [len(ids) for ids in self._tokenizer.encode(texts)]


def _exact(words: list[str], rng: random.Random, lengths: Lengths, tokens: int) -> Iterator[str]:
    """Texts grow by single words; one that steps over the length is begun anew."""
    sizes = dict(zip(words, lengths.of(words), strict=True))
    small = [word for word in words if sizes[word] == 1]
    while True:
        text, size = [], 0
        while size < tokens:
            word = rng.choice(words if tokens - size > 16 else small)
            text.append(word)
            size += sizes[word]
        yield " ".join(text)


def _document(line: bytes, number: int, path: Path) -> str:
    try:
        return msgspec.json.decode(line, type=Document).text
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}, line {number}, is no text: {error}.") from None


def _words() -> list[str]:
    sources = [source for source, _ in samples.SOURCES if source.endswith("-en.jsonl")]
    texts = [job.text for source in sources for job in samples.read(source)]
    return [word for text in texts for word in text.split()]
