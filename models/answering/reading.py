"""What a classifier reads of a question: its text, or the text and the turns before it.

Serving and training read alike, so both come here. A text alone is read in windows where it is
longer than the longest input; a dialogue is cut to the longest input, its oldest words first, and
counts as truncated only where its text is.
"""

from collections.abc import Sequence

from models.answering.answerer import Parsed
from models.catalog import EncoderConfig, features_of
from models.encoders.dialogue import DialogueConfig
from models.text import turns
from models.text.tokenizer import Ids, Tokenizer
from models.text.units import Spelt, Units
from models.windows import reach, windows
from schemas.question import Question


def spoken(question: Question, encoder: EncoderConfig) -> tuple[str, ...]:
    """Return what the encoder reads, oldest first: the text comes last."""
    if isinstance(encoder, DialogueConfig):
        return (*turns.last(question.context, encoder.turns), question.text)
    return (question.text,)


def parse(
    questions: Sequence[Question], tokenizer: Tokenizer | Units, encoder: EncoderConfig
) -> list[Parsed]:
    """Normalise and tokenise; an empty text is one unknown token."""
    encode, longest = _encoder(tokenizer, encoder).encode, encoder.length
    if not isinstance(encoder, DialogueConfig):
        return [_text(ids, longest) for ids in encode([one.text for one in questions])]
    read = [spoken(one, encoder) for one in questions]
    ids = iter(encode([turn for one in read for turn in one]))
    return [_dialogue([next(ids) for _ in one], longest) for one in read]


def _encoder(tokenizer: Tokenizer | Units, encoder: EncoderConfig) -> Tokenizer | Units | Spelt:
    """Return what gives the ids, with the encoder's hashed features if it reads any."""
    features = features_of(encoder)
    if features.hashed and isinstance(tokenizer, Tokenizer):
        return Spelt(tokenizer, features)
    return tokenizer


def _text(ids: Ids, longest: int) -> Parsed:
    tokens = len(ids)
    if tokens <= longest:
        return Parsed(ids=ids, tokens=tokens, truncated=False)
    most = reach(longest)
    return Parsed(
        ids=ids[:most], tokens=tokens, truncated=tokens > most, windows=windows(tokens, longest)
    )


def _dialogue(spoken: Sequence[Ids], longest: int) -> Parsed:
    tokens = len(spoken[-1])
    return Parsed(ids=turns.lay_out(spoken, longest), tokens=tokens, truncated=tokens > longest)
