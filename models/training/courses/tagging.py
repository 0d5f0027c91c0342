"""One tag a token."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from models.live_model import LiveModel
from models.text.alignment import fold
from models.text.features import columns
from models.text.tokenizer import Ids
from models.text.words import WordTokenizer
from models.training import scoring, tagged
from models.training.batches import Encoded
from models.training.config import Config
from models.training.courses.course import Sources, features_of
from models.training.courses.units import placed_unit, word_tokenizer_for
from models.training.objectives import Objective, Tags
from models.training.reading.corpus import Corpus
from models.training.spool import Spool
from schemas.question import Question


class Tagging:
    """One tag a token."""

    def __init__(
        self, sources: Sources, config: Config, tokenizer: WordTokenizer | None = None
    ) -> None:
        """Read and encode; `tokenizer` is that of a joint training."""
        self._sources, self._config, self._features = sources, config, features_of(config)
        self._unit = placed_unit(sources, config)
        sentences = self._read(sources.train)
        sentences.check_language(sources.lang)
        self.labels = sources.labels or tagged.labels_of(sentences, sources.train)
        self._dev = list(self._read(sources.dev))
        self.tokenizer = tokenizer or word_tokenizer_for(
            (one.tokens for one in sentences), sources, config
        )
        self.objective: Objective = Tags(self.labels)
        self.train = self._encode(sentences)
        known = tagged.known(self._dev, self.labels, sources.dev[0])
        if others := len(self._dev) - len(known):
            sources.reading.warn(
                f"{sources.dev[0]}: {others} sentences do not help to choose the best epoch: no "
                "training sentence has their tags"
            )
        self.dev = self._encode(known)

    def questions(self) -> list[Question]:
        """See `Course`."""
        blank = "" if self._unit == "character" else " "
        return [Question(blank.join(one.tokens)) for one in self._dev]

    def dev_scores(self, model: LiveModel) -> dict[str, float]:
        """See `Course`."""
        return scoring.score_tags(model, self._dev)

    def test_scores(self, model: LiveModel, paths: Sequence[Path]) -> dict[str, float]:
        """See `Course`."""
        return scoring.score_tags(model, list(self._read(paths)))

    def _read(self, paths: Sequence[Path]) -> Corpus[tagged.Sentence]:
        return tagged.corpus(paths, self._config.data.rename_labels, self._sources.reading)

    def _encode(self, sentences: Iterable[tagged.Sentence]) -> Encoded:
        folder = self._sources.folder
        return Encoded(Spool(self._ids(sentences), folder), Spool(self._tags(sentences), folder))

    def _ids(self, sentences: Iterable[tagged.Sentence]) -> Iterator[Ids]:
        length = self._config.encoder.length
        for one in sentences:
            forms = [fold(token) for token in one.tokens]
            yield columns(forms, self.tokenizer, self._features)[:length]

    def _tags(self, sentences: Iterable[tagged.Sentence]) -> Iterator[Ids]:
        length = self._config.encoder.length
        numbers = {label: number for number, label in enumerate(self.labels)}
        for one in sentences:
            yield np.array([numbers[tag] for tag in one.tags[:length]], dtype=np.int32)
