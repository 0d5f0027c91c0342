"""Words to a text that reads well: blanks where the language has them, and where the source had.

Chinese has none between its characters; English has them between words, not before a comma. Two
words that stand side by side in the source are joined as they are there (`COVID-19`, `e.g.`). Pure.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from models.text.words import Word

_WIDE = re.compile("[\u2e80-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003134f]")
_CLOSING = frozenset(",.;:!?)]}%»’”…")
_OPENING = frozenset("([{«“‘$#@")
_JOINING = frozenset("-–/_'")


def gaps(words: Sequence[Word]) -> dict[tuple[str, str], bool]:
    """Return, for each pair of neighbours in a source, whether there is anything between them."""
    return {
        (one.form.lower(), other.form.lower()): one.end < other.start
        for one, other in pairwise(words)
    }


def join(words: Sequence[str], known: dict[tuple[str, str], bool]) -> str:
    """Return the text of these words, given the gaps of their source."""
    text = "".join(words[:1])
    for one, other in pairwise(words):
        parted = known.get((one.lower(), other.lower()))
        text += (" " if (_parted(one, other) if parted is None else parted) else "") + other
    return text


def _parted(one: str, other: str) -> bool:
    """Whether a blank is usual between two words."""
    if _WIDE.match(one[-1:]) or _WIDE.match(other):
        return False
    around = {one, other} & _JOINING
    return not (around or one in _OPENING or other in _CLOSING or other.startswith(("'", "n'")))
