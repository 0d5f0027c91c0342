"""Summaries: what extracting and writing them have in common, which is the data and the scores.

A kind of head that answers with a summary adds its tokenizer, its objective and its numbers:
`Extracting` labels the sentences of the text, a sequence-to-sequence head has target ids.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from models.live_model import LiveModel
from models.text.tokenizer import Ids
from models.training import scoring, summarised
from models.training.batches import Encoded
from models.training.config import Config
from models.training.courses.course import Sources
from models.training.objectives import Objective
from models.training.spool import Spool
from models.training.summarised import Summarised
from schemas.question import Question


class Summarizing:
    """Texts with summaries; a base of courses."""

    tokenizer: Any
    objective: Objective
    train: Encoded
    dev: Encoded

    def __init__(self, sources: Sources, config: Config) -> None:
        self.labels: tuple[str, ...] = ()
        self.lang, self.config, self._reading = sources.lang, config, sources.reading
        examples = summarised.corpus(sources.train, sources.reading)
        examples.check_language(sources.lang)
        self.train_examples: Iterable[Summarised] = examples
        self._folder = sources.folder
        self.dev_examples: list[Summarised] = summarised.read(sources.dev, sources.reading)

    def spooled(self, pairs: Iterable[tuple[Ids, Ids]]) -> Encoded:
        """Return pairs of a text's ids and its labels, kept on disk."""
        return Encoded(*Spool.of_pairs(pairs, self._folder))

    def questions(self) -> list[Question]:
        """See `Course`."""
        return [one.question for one in self.dev_examples]

    def dev_scores(self, model: LiveModel) -> dict[str, float]:
        """See `Course`."""
        return scoring.score_summaries(model, self.dev_examples)

    def test_scores(self, model: LiveModel, paths: Sequence[Path]) -> dict[str, float]:
        """See `Course`."""
        return scoring.score_summaries(model, summarised.read(paths, self._reading))
