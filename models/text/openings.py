"""English sentences without the phrase that only ties them to their surroundings.

A sentence that stands alone needs no "However," and no "In this paper,". The phrases are listed
here, not learnt; a sentence that opens with none is left as it is. Pure.
"""

import re

_WORDS = (
    "additionally|also|accordingly|as a (?:result|consequence)|besides|consequently|empirically|"
    "finally|first|firstly|for (?:example|instance|this (?:purpose|reason))|further|furthermore|"
    "hence|here|however|in (?:addition|contrast|general|particular|short|sum|summary)|instead|"
    "lastly|moreover|more (?:specifically|precisely)|nevertheless|next|on the other hand|overall|"
    "second|secondly|similarly|specifically|then|therefore|thus|to this end|"
    "to the best of our knowledge|unfortunately|with this in mind|"
    r"(?:in order )?to (?:achieve|address|alleviate|mitigate|overcome|resolve|solve|tackle) "
    r"(?:this|these|that|those|such)(?: \w+){0,2}"
)
_PLACE = (
    r"(?:in|within|throughout) (?:this|our|the (?:current|present))(?: \w+)? "
    "(?:article|note|paper|post|report|study|work)"
)
_OPENING = re.compile(rf"(?:(?:{_WORDS}),|{_PLACE}(?:,|(?= we\b)))\s+", re.IGNORECASE)


def without_opening(sentence: str) -> str:
    """Return the sentence without such phrases at its beginning, and with a capital letter."""
    rest = sentence
    while met := _OPENING.match(rest):
        rest = rest[met.end() :]
    return rest if rest == sentence else rest[:1].upper() + rest[1:]
