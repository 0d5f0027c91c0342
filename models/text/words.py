"""Texts to the units that carry tags, each with its place in the original text.

The units are characters (Chinese) or words with punctuation apart (English: URLs, mentions and
numbers whole; `don't` as `do` and `n't`; as the English corpora have it). A unit has a vocabulary
id and columns of features for the spelling of words that no vocabulary holds. Id 0 is padding.

A lexicon may come along, for those features that look words up in it.

The file is a plain `tokenizer.json` of the `tokenizers` library: a word-level vocabulary of folded
lower-case spellings, with the cut into units as its pre-tokenizer. The lexicon lies beside it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as RustTokenizer

from models.text import lexicon as lexicons
from models.text.alignment import align, fold
from models.text.lexicon import Lexicon
from models.text.limited import limited
from schemas.errors import ArtifactError, DataError
from schemas.model_version import Language

PAD, UNKNOWN = 0, 1
_SPECIAL = ("[PAD]", "[UNK]")

Unit = Literal["character", "word", "mixed"]
"""Mixed: Chinese characters one by one, words and numbers of other scripts whole."""
UNITS: dict[Language, Unit] = {"zh": "character", "en": "word"}
"""What texts are cut into, by default."""

PATTERNS: dict[Unit, str] = {
    "character": r"\S",
    "mixed": r"[A-Za-z\u00c0-\u024f\u0370-\u03ff]+|\d+(?:\.\d+)*|\S",
    "word": "|".join(
        (
            r"https?://\S+",
            r"[@#]\w+",
            r"(?:[A-Za-z]\.){2,}",
            r"\d+(?:[.,:/]\d+)*",
            r"[A-Za-z]+?(?=n['’]t\b)",
            r"n['’]t\b",
            r"['’](?:s|m|re|ve|ll|d|S|M|RE|VE|LL|D)\b",
            r"\w+",
            r"\.{2,}",
            r"\S",
        )
    ),
}


class Word(NamedTuple):
    """One unit: its folded spelling and its stretch `text[start:end]` of the original."""

    form: str
    start: int
    end: int


class WordTokenizer:
    """A fitted vocabulary of units; immutable, safe to share between threads."""

    lexicon: Lexicon
    """Empty for those that need none."""

    def __init__(self, rust: RustTokenizer, lexicon: Lexicon | None = None) -> None:
        self._rust = rust
        self.lexicon = lexicon or Lexicon({})
        self._cut = rust.pre_tokenizer
        self._ids: dict[str, int] = rust.get_vocab()
        self._forms = {number: form for form, number in self._ids.items()}
        self.size: int = rust.get_vocab_size()
        """Number of ids, padding and unknown included."""

    @classmethod
    def fit(
        cls,
        sentences: Iterable[Sequence[str]],
        unit: Unit,
        vocabulary: int,
        min_frequency: int = 2,
        lexicon: Lexicon | None = None,
    ) -> Self:
        """Learn the `vocabulary` most frequent units seen `min_frequency` times or more.

        Raises DataError where the sentences hold nothing to learn from.
        """
        counts = Counter(fold(token).lower() for tokens in sentences for token in tokens)
        known = [form for form, count in ranked(counts) if count >= min_frequency and form.strip()]
        if not known:
            raise DataError("the training texts are too few or empty: no vocabulary can be learnt")
        return cls._of(known[: vocabulary - len(_SPECIAL)], unit, lexicon)

    @classmethod
    def bare(cls, unit: Unit) -> Self:
        """Return a tokenizer without a vocabulary, which only cuts."""
        return cls._of([], unit)

    @classmethod
    def _of(cls, known: Sequence[str], unit: Unit, lexicon: Lexicon | None = None) -> Self:
        names = [*_SPECIAL, *known]
        ids = {name: number for number, name in enumerate(names)}
        rust = RustTokenizer(models.WordLevel(vocab=ids, unk_token=_SPECIAL[UNKNOWN]))
        rust.normalizer = normalizers.Lowercase()
        rust.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERNS[unit]), "removed", invert=True)
        return cls(rust, lexicon)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `tokenizer.json` and its lexicon; ArtifactError where it is none for tagging."""
        try:
            rust = RustTokenizer.from_file(str(path))
        except Exception as error:  # the binding raises bare Exception
            raise ArtifactError(f"{path} is not a tokenizer: {error}") from error
        if rust.pre_tokenizer is None or not isinstance(rust.model, models.WordLevel):
            raise ArtifactError(f"{path} is not a tokenizer for tagging")
        return cls(rust, Lexicon.beside(path))

    def limited(self, counts: NDArray[np.int64], size: int) -> tuple[Self, NDArray[np.int64]]:
        """Return a tokenizer of the `size` most frequent tokens (`models.text.limited`), and what
        their numbers were, ascending; `counts` int [tokens]."""
        rust, kept = limited(self._rust, counts, size)
        return type(self)(rust, self.lexicon), kept

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`, and the lexicon beside it if there is one."""
        self._rust.save(str(path))
        if self.lexicon:
            self.lexicon.save(lexicons.beside(path))

    @property
    def spellings(self) -> dict[str, int]:
        """Number of each unit, by its spelling in lower case."""
        return self._ids

    def split(self, text: str) -> list[Word]:
        """Cut a text into units, ascending and without overlap; white space is in none.

        Units that normalisation drew from one original character (`…` is three full stops) are one.
        """
        aligned = align(text)
        words: list[Word] = []
        for form, (first, last) in self._cut.pre_tokenize_str(aligned.text):
            word = Word(form, aligned.starts[first], aligned.ends[last - 1])
            if words and word.start < words[-1].end:
                previous = words.pop()
                word = Word(previous.form + form, previous.start, word.end)
            words.append(word)
        return words

    def id(self, form: str) -> int:
        """Return the id of a folded spelling, whatever its case."""
        number = self._ids.get(form.lower(), UNKNOWN)
        return number if number > UNKNOWN else UNKNOWN

    def form(self, number: int) -> str:
        """Return the folded lower-case spelling of an id; nothing for padding and unknown."""
        return self._forms[number] if number > UNKNOWN else ""


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Most frequent first; equals by spelling, so that the order of the file decides nothing."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
