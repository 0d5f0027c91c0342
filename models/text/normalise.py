"""One spelling for texts that mean the same.

What arrives is whatever people typed: full-width digits, ligatures, zero-width characters, stray
control bytes, halves of surrogate pairs. `normalise` folds them (Unicode NFKC), removes what no
reader sees, and makes every run of white space one blank. It is pure and total: every `str` has an
answer, also one that UTF-8 cannot encode, so that one bad text never fails its neighbours. Case is
left alone here; a tokenizer that ignores case says so in its own file.
"""

import re
import unicodedata

# C0 and C1 controls but white space, soft hyphen, zero-width and direction marks, byte-order mark,
# variation selectors, lone surrogates, non-characters.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064"
    "\ufe00-\ufe0f\ufeff\ufff9-\uffff\ud800-\udfff]+"
)


def normalise(text: str) -> str:
    """Return `text` in NFKC, without invisible characters, words parted by single blanks."""
    if text.isascii() and text.isprintable():  # nothing in it to fold or to take out
        return " ".join(text.split())
    visible = INVISIBLE.sub("", text)
    if not visible.isascii():
        visible = unicodedata.normalize("NFKC", visible)
    return " ".join(visible.split())
