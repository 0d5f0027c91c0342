"""Texts to ids by way of their words, each word looked up rather than cut anew.

Where nothing that a tokenizer does reaches across a blank, a text's ids are those of its words, one
after the other, and most words of a stream of texts have come before. Looking them up costs less
than half of the Rust tokenizer's time, which is asked for the new ones alone. Chinese has no blanks
to look for, so texts that are not ASCII go to Rust as they are.
"""

import json
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_MOST = 32_768
"""Words that are remembered, at about 150 bytes each; the first to come are the frequent ones."""
_LONGEST = 24
"""Characters of a word that is remembered."""


class WordIds:
    """The ids of a tokenizer's words; safe to share between threads.

    A word's ids are remembered as the bytes of an int32 array, so that a text's are joined without
    a step of Python for each word.
    """

    def __init__(self, rust: Tokenizer) -> None:
        self._rust = rust
        self._known: dict[str, bytes] = {}  # nothing ever leaves it

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text; texts are normalised, so that single blanks part words."""
        joined = [self._joined(text) for text in texts]
        new = [text for text, ids in zip(texts, joined, strict=True) if ids is None]
        if new:
            late = iter(self._encode_new(new))
            joined = [next(late) if ids is None else ids for ids in joined]
        return [np.frombuffer(ids, np.int32) for ids in joined if ids is not None]

    def _joined(self, text: str) -> bytes | None:
        """The ids of a text all of whose words are known; none that is not ASCII is."""
        try:
            return b"".join(map(self._known.__getitem__, text.split(" ")))
        except KeyError:
            return None

    def _encode_new(self, texts: Sequence[str]) -> list[bytes]:
        known = self._known
        split = [text.split(" ") if text.isascii() else None for text in texts]
        new = {word for words in split if words for word in words if word not in known}
        new.update(text for text, words in zip(texts, split, strict=True) if words is None)
        fresh = self._cut(list(new))
        if len(known) < _MOST:
            known.update((word, ids) for word, ids in fresh.items() if _is_word(word))
        return [
            fresh[text]
            if words is None
            else b"".join(known[word] if word in known else fresh[word] for word in words)
            for text, words in zip(texts, split, strict=True)
        ]

    def _cut(self, texts: Sequence[str]) -> dict[str, bytes]:
        encoded = self._rust.encode_batch_fast(texts, add_special_tokens=False)
        return {
            text: np.array(one.ids, np.int32).tobytes()
            for text, one in zip(texts, encoded, strict=True)
        }


def _is_word(text: str) -> bool:
    return len(text) <= _LONGEST and text.isascii()


def by_word(rust: Tokenizer, patterns: Collection[str]) -> bool:
    """Whether no step of this tokenizer reaches across a blank.

    `patterns` are those of pre-tokenizers that never match a blank nor look beyond one.
    """
    steps = json.loads(rust.to_str())
    cut = steps["pre_tokenizer"] or {"type": None}
    within = cut["type"] == "WhitespaceSplit" or (
        cut["type"] == "Split"
        and cut["pattern"].get("Regex") in patterns
        and (cut["behavior"], cut["invert"]) == ("Removed", True)
    )
    return bool(
        within and steps["normalizer"] == {"type": "Lowercase"} and not steps["added_tokens"]
    )
