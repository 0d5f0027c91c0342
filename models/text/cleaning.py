"""What is taken out of a text before it becomes tokens: by pattern, and stop words. Both optional.

A recipe names what it wants (`[parsing]`), and the result is a normalizer that lies inside
`tokenizer.json`, so that serving repeats exactly what training did. Text comes in NFKC, with single
blanks (`models.text.normalise`); patterns see its capitals, stop words do not.

Patterns are Oniguruma's, compiled once. The named ones are linear in the length of the text. One's
own may backtrack: the engine gives up on a match after ten million steps, so the worst that a
pattern can do is to lose the text that provokes it, and `build` tries it on texts that often do.
"""

import re
from pathlib import Path

import msgspec
from tokenizers import Regex, normalizers

from models.text.stop_words import STOP_WORDS
from schemas.errors import DataError, SettingsError

NAMED = {
    "url": (r"(?:https?://|www\.)\S+", " "),
    "email": (r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", " "),
    "html": (r"<[A-Za-z/!][^<>]*>|&(?:[A-Za-z]{2,8}|#\d{1,6});", " "),
    "mention": (r"(?<![\w@])@[\w-]+", " "),
    "hashtag": (r"(?<![\w#])#(?=\w)", ""),
    "number": (r"\d+(?:[.,]\d+)*", "0"),
    "repeat": (r"(.)(?=\1\1)", ""),
}
"""Name to pattern and what takes the place of a match. `hashtag` keeps the word, `number` leaves
one nought, `repeat` leaves two of three or more equal characters in a row."""
_PROBE = 3000  # characters of a text that tries a pattern
_HAN = re.compile("[\u3400-\u9fff]")


class Replacement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pattern of one's own."""

    pattern: str
    """Oniguruma's syntax."""
    by: str = " "
    """What takes the place of each match, literally."""


class ParsingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken out of a text."""

    clean: tuple[str, ...] = ()
    """Names of patterns, in the order in which they work: url, email, html, mention, …"""
    replace: tuple[Replacement, ...] = ()
    """Patterns of one's own, after the named ones."""
    stop_words: str = ""
    """`zh` or `en` for the list that comes along, or a file with one word a line; empty for none.
    Chinese ones are taken out wherever they stand, others as whole words."""


NOTHING = ParsingConfig()


def build(config: ParsingConfig) -> list[normalizers.Normalizer]:
    """Return the steps: replacements, then lower case, then stop words.

    Raises:
        SettingsError: an unknown name, or a pattern that is none or takes too long.
        DataError: the file of stop words cannot be read or is empty.
    """
    named = [normalizers.Replace(*_named(name)) for name in config.clean]
    own = [_own(one) for one in config.replace]
    stops = _stops(_listed(config.stop_words)) if config.stop_words else []
    return [
        *named,
        *own,
        normalizers.Lowercase(),
        *(normalizers.Replace(Regex(pattern), "") for pattern in stops),
    ]


def _named(name: str) -> tuple[Regex, str]:
    if name not in NAMED:
        raise SettingsError(f"[parsing] clean: {name!r} is none of {', '.join(NAMED)}")
    pattern, by = NAMED[name]
    return Regex(pattern), by


def _own(wanted: Replacement) -> normalizers.Normalizer:
    pattern = wanted.pattern
    try:
        step = normalizers.Replace(Regex(pattern), wanted.by)
    except Exception as error:  # the binding raises bare Exception
        raise SettingsError(f"[parsing] replace: {pattern!r} is no pattern: {error}") from error
    _try(step, pattern)
    return step


def _try(step: normalizers.Normalizer, pattern: str) -> None:
    """Run over long repetitions of what the pattern itself names: there backtracking shows."""
    for sign in sorted({*" a0字.", *pattern}):
        try:
            step.normalize_str(sign * _PROBE + "\x01")
        except BaseException as error:  # the engine's giving up is a panic, which is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise SettingsError(
                f"[parsing] replace: {pattern!r} takes too long on {sign!r} repeated: "
                "write it without a repetition inside a repetition"
            ) from error


def _listed(name: str) -> list[str]:
    """Return the words of a list, longest first, so that none hides in a longer one."""
    if name in STOP_WORDS:
        words = STOP_WORDS[name].split()
    else:
        try:
            words = Path(name).read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"[parsing] stop_words: {name} cannot be read: {error}") from error
    known = {word.strip().lower() for word in words if word.strip()}
    if not known:
        raise DataError(f"[parsing] stop_words: {name} holds no words")
    return sorted(known, key=lambda word: (-len(word), word))


def _stops(words: list[str]) -> list[str]:
    """Return one pattern for the Chinese words and one for the others, where there are any."""
    chinese = [re.escape(word) for word in words if _HAN.search(word)]
    others = [re.escape(word) for word in words if not _HAN.search(word)]
    patterns = ["|".join(chinese)] if chinese else []
    return patterns + ([rf"(?<![\w'])(?:{'|'.join(others)})(?![\w'])"] if others else [])
