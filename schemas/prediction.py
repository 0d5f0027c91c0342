"""A model's answer about one text."""

import msgspec


class Span(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tagged stretch of the original text: `text[start:end]`, in Unicode code points."""

    start: int
    end: int
    label: str
    text: str
    score: float | None = None
    """Confidence from 0 to 1; None when the decoder gives none."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One answer. Which fields are set depends on the task; `tokens` always is.

    Classification and sentiment set `label`, `score` and `scores`; summarization sets `summary`
    and `score`; tagging sets `spans`.
    """

    tokens: int
    """True length of the text in the model's tokens, before any cut."""
    label: str | None = None
    score: float | None = None
    """Probability or confidence of the answer, from 0 to 1."""
    scores: dict[str, float] = {}
    """The most probable labels and their probabilities, best first, at most five."""
    summary: str | None = None
    spans: tuple[Span, ...] | None = None
    truncated: bool = False
    """Whether the model read only the beginning of the text."""
    build: str | None = None
    """Which of a version's networks answered, where the text decides it: `cheap`, `strong`,
    `exit-1`; None elsewhere."""
