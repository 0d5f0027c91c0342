"""The summaries that a version writes, as examples for another one to learn."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from models.compression import examples
from models.compression.examples import Split
from models.compression.order import Order
from models.live_model import LiveModel
from models.training import summarised, unlabelled
from models.training.summarised import Summarised
from schemas.errors import SettingsError
from schemas.question import Question

_CHUNK = 128
"""Texts that are summarised together."""


def with_summaries(order: Order, given: Split, folder: Path) -> Split:
    """Return files whose training texts come with the teacher's summaries too.

    Raises SettingsError where there are several teachers: summaries have no mean.
    """
    if len(order.teachers) > 1:
        raise SettingsError("summaries of several teachers have no mean: give one --teacher")
    path = folder / "taught.jsonl"
    if not path.exists():
        staging = path.with_suffix(".part")
        examples.write(staging, _lines(order, given))
        staging.replace(path)
    return given._replace(train=path)


def _lines(order: Order, given: Split) -> Iterator[Summarised]:
    teacher = LiveModel.load(order.parent)
    known = summarised.corpus([given.train])
    yield from known
    yield from _summarised(teacher, (one.text for one in known))
    if order.raw:
        raw = unlabelled.read(order.raw, teacher.manifest.languages[0], order.reading)
        yield from _summarised(teacher, iter(raw))


def _summarised(teacher: LiveModel, texts: Iterable[str]) -> Iterator[Summarised]:
    """Yield each text with what the beam search finds; those with nothing are left out."""
    texts = iter(texts)
    while chunk := list(islice(texts, _CHUNK)):
        for text, answer in zip(chunk, teacher.ask(list(map(Question, chunk))), strict=True):
            if answer.summary and text.strip():
                yield Summarised(text, answer.summary)
