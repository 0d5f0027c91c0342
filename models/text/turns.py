"""A dialogue as one array: the tokens of its turns side by side, each beside its turn's number.

So a text with a history is still one row of token ids, padded, batched and planned by length like
any text. The text itself is the last turn. Where room is short the oldest tokens go first: the
text keeps its beginning, then the turn before it, as far as room goes, then the one before that.
Pure.
"""

from collections.abc import Sequence

import numpy as np

from models.text.tokenizer import Ids

COLUMNS = 2
"""Token id, number of its turn from 1."""


def last(context: Sequence[str], most: int) -> Sequence[str]:
    """Return the latest turns, `most` at most, oldest first."""
    return context[max(0, len(context) - most) :]


def lay_out(spoken: Sequence[Ids], length: int) -> Ids:
    """Put the turns side by side, oldest first and the text last, in at most `length` tokens.

    Returns int32 [tokens, COLUMNS].
    """
    *context, text = spoken
    kept = [text[:length]]
    room = length - len(kept[0])
    for turn in reversed(context):
        if not room:
            break
        kept.append(turn[-room:])
        room -= len(kept[-1])
    kept.reverse()
    numbers = np.repeat(np.arange(1, len(kept) + 1, dtype=np.int32), [len(one) for one in kept])
    return np.stack([np.concatenate(kept), numbers], axis=-1)
