"""Texts to ids by way of their words, each word looked up rather than cut anew.

Where nothing that a tokenizer does reaches across a blank, a text's ids are those of its words, one
after the other, and most words of a stream of texts have come before. Looking them up costs less
than half of the Rust tokenizer's time, which is asked for the new ones alone. Chinese has no blanks
to look for, so texts that are not ASCII go to Rust as they are.
"""

import json
from collections.abc import Collection, Sequence

from tokenizers import Tokenizer

_MOST = 32_768
"""Words that are remembered, at about 200 bytes each; the first to come are the frequent ones."""
_LONGEST = 24
"""Characters of a word that is remembered."""


class WordIds:
    """The ids of a tokenizer's words; safe to share between threads."""

    def __init__(self, rust: Tokenizer) -> None:
        self._rust = rust
        self._known: dict[str, list[int]] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text; texts are normalised, so that single blanks part words."""
        known = self._known  # nothing ever leaves it: what is there now is there below
        split = [text.split(" ") if text.isascii() else None for text in texts]
        new = {word for words in split if words for word in words if word not in known}
        new.update(text for text, words in zip(texts, split, strict=True) if words is None)
        fresh = self._cut(list(new))
        if len(known) < _MOST:
            known.update((word, ids) for word, ids in fresh.items() if _is_word(word))
        return [
            fresh[text]
            if words is None
            else [one for word in words for one in (known[word] if word in known else fresh[word])]
            for text, words in zip(texts, split, strict=True)
        ]

    def _cut(self, texts: Sequence[str]) -> dict[str, list[int]]:
        encoded = self._rust.encode_batch_fast(texts, add_special_tokens=False)
        return {text: one.ids for text, one in zip(texts, encoded, strict=True)}


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
