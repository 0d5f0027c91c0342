"""Two versions in one: the cheap one answers what it is sure of, the strong one the rest.

    predict, first time     the cheap network's answer where it is sure, else the text goes on
    predict, second time    the strong network's answer

A text that goes on is parsed anew, as the strong version has a tokenizer of its own, and comes back
from `predict` in place of an answer. Who calls collects those of all arrays of a batch and plans
them together (`workers.inference`, `LiveModel.predict_parsed`), so that the strong network, which
is the dear one, sees full arrays and not what an array happened to leave over. Which one answered
stands in `Prediction.build`.

**A text has one answer, alone and in any company.** Both networks promise theirs within their
tolerance, so a text whose confidence is farther than that from the threshold goes the same way in
any array. One that is nearer is asked once more, alone and padded to its own bucket, and that
decides, whatever its company: some in ten thousand. So which network answers depends on the text
alone. On another kind of device a text that is so near may go the other way.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Final, Self

from msgspec.structs import replace

from models import artifact
from models.answering.answerer import Judge, Judged, Parsed
from models.features import Features
from models.live_model import LiveModel
from models.shapes import bucket
from models.source import FILES, Source
from models.traces import Trace
from schemas.errors import ArtifactError
from schemas.model_version import Cascade, Manifest
from schemas.prediction import Prediction
from schemas.question import Question

CHEAP, STRONG = artifact.PARTS
"""What `Prediction.build` says, and the directories of the parts."""
_NEXT: Final = 1
"""`Parsed.stage` of what the strong network reads."""


class LiveCascade(LiveModel):
    """A loaded cascade. `predict` may be called from one thread at a time; `parse` from any."""

    def __init__(self, manifest: Manifest, cheap: LiveModel, strong: LiveModel) -> None:
        super().__init__(manifest, strong._tokenizer, strong.network)
        self._settings, self.build = _settings(manifest), "cascade"
        self._take(cheap, strong)

    def _take(self, cheap: LiveModel, strong: LiveModel) -> None:
        self.cheap, self.strong = cheap, strong
        self.answerer, self.network = strong.answerer, strong.network
        self.tolerance = max(cheap.tolerance, strong.tolerance)
        self.array_tokens = min(cheap.array_tokens, strong.array_tokens)
        self.weight_bytes = cheap.weight_bytes + strong.weight_bytes

    def of_parts(self, cheap: LiveModel, strong: LiveModel) -> "LiveCascade":
        """Return the same cascade of parts that run in another way."""
        other = copy(self)
        other._take(cheap, strong)
        return other

    @classmethod
    def load(cls, directory: Path, source: Source = FILES) -> Self:
        """Check a version directory and load both parts; see `LiveModel.load`."""
        directory = Path(directory)
        manifest = artifact.verify(directory)
        cheap, strong = (LiveModel.load(directory / part, source) for part in artifact.PARTS)
        if artifact.digest(strong.manifest) != manifest.parent:
            raise ArtifactError(f"{directory}: the strong version is not the manifest's parent")
        check_pair(cheap, strong)
        return cls(manifest, cheap, strong)

    @property
    def parts(self) -> tuple[LiveModel, ...]:
        """Return the cascade and the two that it is made of."""
        return (self, self.cheap, self.strong)

    @property
    def trace(self) -> Trace | None:
        """None: there are two."""
        return None

    @property
    def traces(self) -> int:
        """How often the network was traced that was traced more often."""
        return max(self.cheap.traces, self.strong.traces)

    def parse(self, questions: Sequence[Question]) -> list[Any]:
        """Parse for the cheap network."""
        return _asked(self.cheap.parse(questions), questions)

    def parse_tokens(self, sentences: Sequence[Sequence[str]]) -> list[Any]:
        """Do so with units as they are given."""
        return _asked(self.cheap.parse_tokens(sentences), sentences)

    def features(self, parsed: Sequence[Parsed], length: int, rows: int) -> Features:
        """Pad to an array; all texts of one are read by the same network."""
        return self._reading(parsed).features(parsed, length, rows)

    def predict(self, features: Features) -> list[Any]:
        """Answer the real rows, in order; in place of an answer what the strong network reads."""
        if self._reading(features.parsed) is self.strong:
            return [replace(one, build=STRONG) for one in self.strong.predict(features)]
        pairs = zip(features.parsed, self.cheap.judge(features), strict=True)
        judged = [(one, self._decided(one, said)) for one, said in pairs]
        unsure = [one.asked for one, said in judged if not self._sure(said)]
        handed_on = iter(self._strongly(unsure))
        return [
            replace(said.answer, build=CHEAP) if self._sure(said) else next(handed_on)
            for _, said in judged
        ]

    def seconds(self, length: int, rows: int) -> float:
        """Return what an array takes of texts as the dev texts were: by the cheap network whole,
        and by the strong one the part that goes on, however many of the warm-up's texts do."""
        going_on = rows * (1 - self._settings.early_share)
        some = max(1, round(going_on))
        cheap = self.cheap.seconds(length, rows)
        return cheap + self.strong.seconds(length, some) * going_on / some

    def warm_up(self, shapes: Iterable[tuple[int, int]]) -> None:
        """Run every (length, rows) once through each of the networks."""
        shapes = list(shapes)
        self.cheap.warm_up(shapes)
        self.strong.warm_up(shapes)

    def agree(self, one: Any, other: Any) -> bool:
        """Whether two answers to the same text are the same and of the same network; or neither is
        one, as the text goes on."""
        if not (isinstance(one, Prediction) and isinstance(other, Prediction)):
            return isinstance(one, Parsed) and isinstance(other, Parsed)
        return one.build == other.build and super().agree(one, other)

    def _reading(self, parsed: Sequence[Parsed]) -> LiveModel:
        """Return the network that reads these texts."""
        return self.strong if parsed and parsed[0].stage == _NEXT else self.cheap

    def _sure(self, judged: Judged) -> bool:
        return judged.confidence >= self._settings.threshold

    def _decided(self, parsed: Parsed, judged: Judged) -> Judged:
        """Return a judgement that its company has no part in: see the module's promise."""
        if abs(judged.confidence - self._settings.threshold) > self.cheap.tolerance:
            return judged
        length = bucket(len(parsed.ids), self.cheap.lengths)
        (alone,) = self.cheap.judge(self.cheap.features([parsed], length, 1))
        return alone

    def _strongly(self, asked: Sequence[Any]) -> list[Any]:
        """Parse for the strong network what the cheap one was asked: questions or units."""
        if not asked:
            return []
        questions = isinstance(asked[0], Question)
        parsed = self.strong.parse(asked) if questions else self.strong.parse_tokens(asked)
        return [replace(one, stage=_NEXT) for one in parsed]


def check_pair(cheap: LiveModel, strong: LiveModel) -> None:
    """Raise ArtifactError where one of two versions cannot answer for the other."""
    ours, theirs = cheap.manifest, strong.manifest
    mine, others = ({task: set(one.tasks[task]) for task in one.tasks} for one in (ours, theirs))
    if mine != others or len(mine) != 1:
        raise ArtifactError(
            f"{ours.name} and {theirs.name} are no cascade: both must answer the same one task, "
            "with the same labels"
        )
    if missing := sorted(set(theirs.languages) - set(ours.languages)):
        raise ArtifactError(f"{ours.name} does not read {', '.join(missing)}, as the strong does")
    if not isinstance(cheap.answerer, Judge):
        raise ArtifactError(
            f"{ours.name} does not say how sure it is: a cascade is of classifiers or of taggers"
        )


def _asked(parsed: Sequence[Any], asked: Sequence[Any]) -> list[Any]:
    return [replace(one, asked=question) for one, question in zip(parsed, asked, strict=True)]


def _settings(manifest: Manifest) -> Cascade:
    if not manifest.cascade:
        raise ArtifactError(f"{manifest.name} is no cascade")
    return manifest.cascade
