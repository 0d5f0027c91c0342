"""Texts to token ids, in Rust.

A text is normalised (`models.text.normalise`), cleaned where the recipe says so
(`models.text.cleaning`), made lower case and cut into tokens of the unit that the recipe chose
(`models.text.vocabulary`). The vocabulary is learnt from the training texts; what was seen too
rarely is unknown. Id 0 is padding and never comes out of a text, not even out of one that spells
`[PAD]`.

The file is the plain `tokenizer.json` of the `tokenizers` library, so any of its bindings reads it.
It holds everything but the first step. The words that features look up lie beside it.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as RustTokenizer
from tokenizers import normalizers

from models.text import cleaning
from models.text import lexicon as lexicons
from models.text.cleaning import NOTHING, ParsingConfig
from models.text.lexicon import Lexicon
from models.text.normalise import normalise
from models.text.vocabulary import PAD, UNKNOWN, WITHIN_WORDS, Unit, learn
from models.text.word_ids import WordIds, by_word
from schemas.errors import ArtifactError

__all__ = ["PAD", "UNKNOWN", "Ids", "Tokenizer"]

Ids = NDArray[np.int32]
_NOTHING = np.array([UNKNOWN], dtype=np.int32)
"""What is read of an empty text."""


class Tokenizer:
    """A fitted tokenizer; immutable, safe to share between threads."""

    def __init__(self, rust: RustTokenizer, lexicon: Lexicon | None = None) -> None:
        self._rust = rust
        self.lexicon = lexicon or Lexicon({})
        """Empty for those that need none."""
        self._words = WordIds(rust) if by_word(rust, WITHIN_WORDS) else None
        self.size: int = rust.get_vocab_size()
        """Number of ids, padding and unknown included."""

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        vocabulary: int,
        min_frequency: int = 2,
        unit: Unit = "subword",
        parsing: ParsingConfig = NOTHING,
        lexicon: Lexicon | None = None,
    ) -> Self:
        """Learn at most `vocabulary` tokens, each seen `min_frequency` times or more.

        The same texts in the same order give the same tokens. They are gone over several times, and
        held in memory only if they come from an iterator. Raises DataError where they hold nothing
        to learn from, SettingsError where `parsing` is wrong.
        """
        steps = cleaning.build(parsing)
        clean = normalizers.Sequence(steps)
        texts = list(texts) if isinstance(texts, Iterator) else texts
        rust = learn(_Cleaned(texts, clean), unit, vocabulary, min_frequency)
        rust.normalizer = clean if len(steps) > 1 else steps[0]
        return cls(rust, lexicon)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `tokenizer.json` and its lexicon; ArtifactError where it is none."""
        try:
            rust = RustTokenizer.from_file(str(path))
        except Exception as error:  # the binding raises bare Exception
            raise ArtifactError(f"{path} is not a tokenizer: {error}") from error
        return cls(rust, Lexicon.beside(path))

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`, and the lexicon beside it if there is one."""
        self._rust.save(str(path))
        if self.lexicon:
            self.lexicon.save(lexicons.beside(path))

    @property
    def spellings(self) -> dict[str, int]:
        """Number of each token, by its spelling."""
        return dict(self._rust.get_vocab())

    def spelt(self, texts: Sequence[str]) -> list[tuple[list[int], list[str]]]:
        """Return the ids of each text, as `encode` does, and how each is spelt in the text."""
        normal = [normalise(text) for text in texts]
        encoded = self._rust.encode_batch(normal, add_special_tokens=False)
        return [
            (one.ids, [text[start:end] for start, end in one.offsets])
            if one.ids
            else ([UNKNOWN], [""])
            for text, one in zip(normal, encoded, strict=True)
        ]

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Return one int32 array a text, uncut; an empty text is one unknown token."""
        encoded = self._encode([normalise(text) for text in texts])
        return [ids if len(ids) else _NOTHING for ids in encoded]

    def _encode(self, texts: Sequence[str]) -> list[Ids]:
        if self._words is not None:
            return self._words.encode(texts)
        encoded = self._rust.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(one.ids, dtype=np.int32) for one in encoded]


class _Cleaned:
    """Texts as a vocabulary is learnt from them, made anew at each iteration."""

    def __init__(self, texts: Iterable[str], clean: normalizers.Normalizer) -> None:
        self._texts, self._clean = texts, clean

    def __iter__(self) -> Iterator[str]:
        return (self._clean.normalize_str(normalise(text)) for text in self._texts)
