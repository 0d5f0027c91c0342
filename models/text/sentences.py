"""Where sentences end: a text cut into units becomes stretches of units, none left out.

One rule serves both languages, because stops are told by what stands beside them:

    a line's end            ends a sentence, unless a small letter goes on in the next line
    。                      ends one, wherever it stands
    ! ? ...                 where white space or a Chinese character follows
    .                       the same; not before a small letter, after an abbreviation, an initial
    ;                       before a Chinese character
    , :                     there too, where clauses are wanted

Quotes and brackets that close behind a stop belong to its sentence. What never stops is cut at the
longest length. Full-width punctuation is known by its normalised form. Pure.
"""

import re
from collections.abc import Sequence

from models.text.words import Word

Stretch = tuple[int, int]
"""The units `words[start:end]`."""

_CLOSING = frozenset("\"'”’)]}»」』】》")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f《「『【“]")
_ABBREVIATION = re.compile(
    "al|approx|cf|dept|dr|eqs?|etc|figs?|gen|gov|inc|jr|ltd|mrs?|ms|nos?|pp?|prof|resp|sect?|sen|sr"
    "|st|tab|vol|vs",
    re.IGNORECASE,
)


def sentences(
    text: str, words: Sequence[Word], longest: int, clauses: bool = False
) -> list[Stretch]:
    """Return the sentences of `text`, whose units are `words`, as ascending stretches of units.

    Args:
        text: the original.
        words: its units, as `WordTokenizer.split` gives them.
        longest: most units of a stretch; what goes on is cut there.
        clauses: whether commas and colons of Chinese end a stretch too.
    """
    found: list[Stretch] = []
    start = 0
    for at in range(1, len(words) + 1):
        if at == len(words) or at - start == longest or _ends(text, words, at, clauses):
            found.append((start, at))
            start = at
    return found


def _ends(text: str, words: Sequence[Word], at: int, clauses: bool) -> bool:
    """Whether a sentence ends between the units `at - 1` and `at`."""
    gap, after = text[words[at - 1].end : words[at].start], words[at].form[0]
    if "\n" in gap:
        return not after.islower()
    if not gap and after in _CLOSING:
        return False
    last = at - 1
    while last and words[last].form in _CLOSING:
        last -= 1
    return _stops(words[last].form, words[last - 1].form if last else "", gap, after, clauses)


def _stops(stop: str, before: str, gap: str, after: str, clauses: bool) -> bool:
    if stop == "。":
        return True
    chinese = bool(_HAN.match(after))
    if stop in (";", ",", ":"):
        return chinese and (clauses or stop == ";")
    if stop in ("!", "?"):
        return chinese or bool(gap)
    if stop.strip("."):
        return False
    return chinese or (bool(gap) and not after.islower() and not _short(before))


def _short(word: str) -> bool:
    """Whether a full stop behind this word is that of an abbreviation or an initial."""
    return bool(_ABBREVIATION.fullmatch(word)) or (
        len(word) == 1 and word.isupper() and word != "I"
    )
