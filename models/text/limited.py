"""A tokenizer with fewer tokens: those that texts have most.

A word or a character that goes is unknown from then on. A piece of byte-pair encoding falls apart
into the two that it was merged of; it counts for them too, so they never go before it. A piece of
a unigram model is cut into smaller ones. Numbers are given anew, from 0, in the old order.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

SPECIAL = 2
"""Padding and unknown, which always stay."""


def limited(
    rust: Tokenizer, counts: NDArray[np.int64], size: int
) -> tuple[Tokenizer, NDArray[np.int64]]:
    """Return a tokenizer of `size` tokens, and their old numbers, ascending.

    `counts` says how often each token comes, by its number; of equals the first stays.
    """
    whole = json.loads(rust.to_str())
    model, numbers = whole["model"], rust.get_vocab()
    if model["type"] == "BPE":
        counts = _with_parts(model, numbers, counts)
    order = np.argsort(-counts[SPECIAL:], kind="stable") + SPECIAL
    kept = np.sort(np.concatenate([np.arange(SPECIAL), order[: max(1, size - SPECIAL)]]))
    places = {number: place for place, number in enumerate(kept.tolist())}
    tokens = {one: places[number] for one, number in numbers.items() if number in places}
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][number] for number in places]
    else:
        model["vocab"] = tokens
    if model["type"] == "BPE":
        merges = map(_pair, model["merges"])
        model["merges"] = [one for one in merges if {*one, "".join(one)} <= tokens.keys()]
    return Tokenizer.from_str(json.dumps(whole)), kept


def _with_parts(model: Any, numbers: Any, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often each piece comes, alone or in one that it is merged into."""
    counts = counts.copy()
    for pair in map(_pair, reversed(model["merges"])):
        for part in pair:
            counts[numbers[part]] += counts[numbers["".join(pair)]]
    return counts


def _pair(merge: Any) -> tuple[str, str]:
    """Return the two pieces of a merge, which files have as a list or with a blank between."""
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second
