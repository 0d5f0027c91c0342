"""A model version in memory, answering: the three online stages, one method each.

    parse      texts -> token ids          normalise and tokenise, in Rust
    features   token ids -> padded array   [rows, length]
    predict    padded array -> answers     one traced function, decoding included

The batch contract: as many answers as texts, in their order, and each the same (within 1e-4) as if
its text had come alone, whatever its neighbours, the padded length or the padded rows. What is
particular to a kind of head is in `models.answering`. The class
knows nothing of queues, routes or SQL, and a load either gives a model whose files were checked or
raises ArtifactError.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from typing import Any, Self, TypeVar, cast

import numpy as np
import tensorflow as tf

from models import artifact, catalog
from models.answering.answerer import TOLERANCE, Answerer, Judge, Judged, Parsed, cut
from models.answering.classes import ClassAnswerer, agree
from models.answering.extracts import ExtractAnswerer
from models.answering.joint import JointAnswerer, only
from models.answering.spans import SpanAnswerer
from models.answering.summaries import SummaryAnswerer
from models.answering.tracing import array_of
from models.features import Features, padded, stacked
from models.heads.classification import ClassificationConfig
from models.heads.extraction import ExtractionConfig
from models.heads.joint import JointConfig
from models.heads.summarization import SummarizationConfig
from models.heads.tagging import TaggingConfig
from models.shapes import TOKEN_BUDGET, Shape, plan, steps
from models.source import FILES, Source
from models.text.tokenizer import Ids
from models.traces import SharedRun, Trace
from schemas.errors import ArtifactError, UsageError
from schemas.model_version import Manifest
from schemas.prediction import Prediction
from schemas.question import Question
from schemas.task import Task

__all__ = ["TOLERANCE", "USUAL", "LiveModel", "Parsed", "agree"]

Answered = TypeVar("Answered")

_ANSWERERS: Mapping[type, Any] = {
    ClassificationConfig: ClassAnswerer,
    TaggingConfig: SpanAnswerer,
    JointConfig: JointAnswerer,
    SummarizationConfig: SummaryAnswerer,
    ExtractionConfig: ExtractAnswerer,
}
"""Kind of head to what parses for it and reads its outputs."""


USUAL = "keras"
"""The build that every version has: its network as it was trained."""


class LiveModel:
    """A loaded version. `predict` may be called from one thread at a time; `parse` from any."""

    def __init__(self, manifest: Manifest, tokenizer: Any, network: Any) -> None:
        head = catalog.read(manifest.architecture).head
        self.manifest = manifest
        self.network = network
        """The `keras.Model` that `models.catalog` built."""
        self.answerer: Answerer = _ANSWERERS[type(head)](manifest, tokenizer, network)
        """What is particular to the kind of head."""
        self.tolerance = TOLERANCE
        """How far its answers may lie from its samples'."""
        self.array_tokens = TOKEN_BUDGET
        """Padded tokens that an array should hold at most."""
        self.cut: Callable[[Sequence[int], int, Sequence[int]], list[Shape]] = plan
        """How arrays are cut: true lengths, most tokens of one, `lengths`."""
        self.lengths = steps(manifest.max_length)
        """Padded lengths that arrays have, ascending."""
        self.build = USUAL
        """Which form of its network answers, as `result.build` names it."""
        self.directory: Path | None = None
        """Where its files are; None where it is not from a directory."""
        self.float32_bytes = self.weight_bytes = 4 * int(network.count_params())
        """What the weights take in memory; those of a build `running` take other `weight_bytes`."""
        self._tokenizer = tokenizer
        self.width: tuple[int, ...] = tuple(network.input_shape[2:])
        """Columns of a token's ids; empty where there is one."""
        self.timings: Sequence[tuple[int, int, float]] = ()
        """What arrays took: `(rows, length, seconds)`, all three stages. Empty before `time`."""

    @classmethod
    def load(cls, directory: Path, source: Source = FILES) -> Self:
        """Check a version directory, then build the network and read its weights.

        `source`: gives the tokenizer and the network; those of other versions may do.

        Raises ArtifactError where a file is damaged, unknown or does not fit the architecture.
        """
        directory = Path(directory)
        manifest = artifact.verify(directory)
        if manifest.cascade:
            raise ArtifactError(
                f"{directory} is a cascade of two versions: give one of those that it was made of"
            )
        if manifest.task is None:
            raise ArtifactError(
                f"{directory} is a pre-trained encoder and answers no task: train a model from it "
                "with `textmill train --init-from`"
            )
        architecture = catalog.read(manifest.architecture)
        read = _ANSWERERS[type(architecture.head)].load
        tokenizer = source.tokenizer(manifest, directory / artifact.TOKENIZER, read)
        if architecture.vocabulary != tokenizer.size or not _fit(manifest, architecture):
            raise ArtifactError(f"{directory}: tokenizer, labels and architecture do not fit")
        network = source.network(manifest, directory / artifact.WEIGHTS)
        model = cls(manifest, tokenizer, network)
        model.directory = directory
        return model

    def of(self, task: Task) -> "LiveModel":
        """Return this version as one that answers `task` alone; UsageError where it does not."""
        if task not in self.manifest.tasks:
            answered = ", ".join(self.manifest.tasks)
            raise UsageError(f"{self.manifest.name} answers {answered}, not {task}")
        if not isinstance(self.answerer, JointAnswerer):
            return self
        alone = copy(self)
        alone.manifest, alone.answerer = only(self.manifest, task), self.answerer.parts[task]
        return alone

    def computing_in(self, precision: str) -> "LiveModel":
        """Return the same version with a network that computes in `precision`."""
        architecture = catalog.read(self.manifest.architecture)
        network = catalog.computing_in(precision, self.network, architecture)
        return self.with_network(network, f"keras-{precision}")

    def with_network(self, network: Any, build: str) -> "LiveModel":
        """Return the same version with another network of the same input, and how it is called."""
        other = LiveModel(self.manifest, self._tokenizer, network)
        other.build, other.directory = build, self.directory
        other.float32_bytes = self.float32_bytes
        return other

    def running(self, run: Any, build: str, weight_bytes: int) -> "LiveModel":
        """Return the same version with another function from padded ids to outputs.

        It shares the answerer's reading and, until somebody takes it, the network.
        """
        other = copy(self)
        other.answerer = copy(self.answerer)
        other.answerer.run = run
        other.build, other.weight_bytes = build, weight_bytes
        return other

    @property
    def parts(self) -> "tuple[LiveModel, ...]":
        """Return the models in it that can be asked for themselves; it is the first."""
        return (self,)

    @property
    def trace(self) -> Trace | None:
        """The traced function that it shares with other versions; None where it has its own."""
        run = self.answerer.run
        return run.trace if isinstance(run, SharedRun) else None

    @property
    def traces(self) -> int:
        """How often the network was traced: 1 after the first prediction, and for ever."""
        return int(self.answerer.run.experimental_get_tracing_count())

    def parse(self, questions: Sequence[Question]) -> list[Any]:
        """Normalise and tokenise; any `str` has an answer, an empty one is one unknown token."""
        return self.answerer.parse(questions)

    def parse_texts(self, texts: Sequence[str]) -> list[Any]:
        """The same for texts with nothing before them."""
        return self.parse([Question(text) for text in texts])

    def parse_tokens(self, sentences: Sequence[Sequence[str]]) -> list[Any]:
        """Take units as they are given, as a corpus has them; of a tagger alone."""
        return cast(SpanAnswerer, self.answerer).parse_tokens(sentences)

    def shapes(self, lengths: Sequence[int], token_budget: int) -> list[Shape]:
        """Cut parsed texts of these `len(ids)` into arrays of so many tokens at most."""
        return self.cut(lengths, min(token_budget, self.array_tokens), self.lengths)

    def features(self, parsed: Sequence[Parsed], length: int, rows: int) -> Features:
        """Pad to an array [rows, length, …]; `rows` and `length` must hold what is given.

        Where a text is read in windows, they take its place: there are more rows, and shorter.
        """
        return padded(parsed, length, rows, self.lengths, self.width)

    def predict(self, features: Features) -> list[Prediction]:
        """Answer the real rows, in order; ArtifactError where an output is not a finite number."""
        return self._each(features, self.answerer.decode)

    def judge(self, features: Features) -> list[Judged]:
        """Do as `predict` does, and say how sure the network is; of a `Judge` alone."""
        return self._each(features, cast(Judge, self.answerer).judge)

    def _each(
        self, features: Features, decode: Callable[[Sequence[Any], Sequence[Any]], list[Answered]]
    ) -> list[Answered]:
        """Return what `decode` makes of the outputs of each text, those of its windows joined."""
        counts = [len(one.pieces) for one in features.parsed]
        if sum(counts) == len(counts):
            return decode(self._run(features.ids, len(counts)), features.parsed)
        outputs = self._run_windows(features.ids, sum(counts))
        answers: list[Answered] = []
        for one, count, end in zip(features.parsed, counts, accumulate(counts), strict=True):
            rows = [output[end - count : end] for output in outputs]
            joined = rows if count == 1 else self.answerer.stitch(rows, one)
            answers += decode(joined, [one])
        return answers

    def _run(self, ids: Ids, rows: int) -> list[Any]:
        """Return the network's outputs of the first `rows` rows."""
        arrays = self.answerer.run(tf.convert_to_tensor(ids))
        outputs = [array_of(array)[:rows] for array in arrays]
        if not all(np.isfinite(output).all() for output in outputs):
            raise ArtifactError(f"{self.manifest.name} gives answers that are not finite numbers")
        return outputs

    def _run_windows(self, ids: Ids, rows: int) -> list[Any]:
        """Do as `_run` does, in several calls where one would be larger than a usual array."""
        step = max(1, TOKEN_BUDGET // ids.shape[1])
        starts = range(0, rows, step)  # a compiled function may give more rows than it is given
        calls = [self._run(ids[at : at + step], min(step, rows - at)) for at in starts]
        return [stacked(outputs) for outputs in zip(*calls, strict=True)]

    def ask(
        self, questions: Sequence[Question], token_budget: int = TOKEN_BUDGET
    ) -> list[Prediction]:
        """The three stages in a row, cut in shapes by length: for evaluation and tests."""
        return self.predict_parsed(self.parse(questions), token_budget)

    def predict_texts(
        self, texts: Sequence[str], token_budget: int = TOKEN_BUDGET
    ) -> list[Prediction]:
        """The same for texts with nothing before them."""
        return self.ask([Question(text) for text in texts], token_budget)

    def predict_parsed(
        self, parsed: Sequence[Parsed], token_budget: int = TOKEN_BUDGET
    ) -> list[Prediction]:
        """The last two stages in a row, again and again where a network hands texts on."""
        found: list[Any] = list(parsed)
        while waiting := [at for at, one in enumerate(found) if not isinstance(one, Prediction)]:
            lengths = [len(found[at].ids) for at in waiting]
            for shape in self.shapes(lengths, token_budget):
                given = [found[waiting[at]] for at in shape.indices]
                answers = self.predict(self.features(given, shape.length, shape.rows))
                for at, one in zip(shape.indices, answers, strict=True):
                    found[waiting[at]] = one
        return found

    def warm_up(self, shapes: Iterable[tuple[int, int]]) -> None:
        """Run every (length, rows) once on the manifest's warm-up texts, so that none is slow."""
        for length, rows in shapes:
            self.predict(self.warm_features(length, rows))

    def warm_array(self, length: int, rows: int) -> Ids:
        """Return the padded array of such a shape that `warm_up` runs."""
        return self.warm_features(length, rows).ids

    def warm_features(self, length: int, rows: int) -> Features:
        """Return what `warm_up` predicts of such a shape."""
        texts = self.manifest.warm_up or ("textmill",)
        parsed = self.parse_texts([texts[row % len(texts)] for row in range(rows)])
        return self.features([cut(one, length) for one in parsed], length, rows)

    def time(self, shapes: Iterable[tuple[int, int]], within_s: float) -> None:
        """Fill `timings` from runs over (length, rows), the cheapest first, which `warm_up` knows;
        no more after `within_s` seconds."""
        began = perf_counter()
        for length, rows in shapes:
            self.timings = [*self.timings, (rows, length, self.seconds(length, rows))]
            if perf_counter() - began > within_s:
                return

    def seconds(self, length: int, rows: int) -> float:
        """Return what an array of the warm-up's texts takes, all three stages."""
        started = perf_counter()
        self.predict(self.warm_features(length, rows))
        return perf_counter() - started

    def agree(self, one: Prediction, other: Prediction) -> bool:
        """Whether two answers to the same text are the same within `tolerance`."""
        return self.answerer.agree(one, other, self.tolerance)

    @property
    def expected(self) -> tuple[Prediction, ...]:
        """What it should answer to its samples: what its build gave when it was made."""
        build = (self.manifest.builds or {}).get(self.build)
        return build.samples if build else tuple(one.prediction for one in self.manifest.samples)

    def check_samples(self) -> None:
        """Compare with the answers this version gave when it was made; else ArtifactError."""
        samples = self.manifest.samples
        answers = self.ask([sample.question for sample in samples])
        for sample, right, answer in zip(samples, self.expected, answers, strict=True):
            if not self.agree(right, answer):
                raise ArtifactError(
                    f"{self.manifest.name} does not give its own sample answer for "
                    f"{sample.text[:40]!r}"
                )


def _fit(manifest: Manifest, architecture: catalog.Architecture) -> bool:
    """Whether the labels are as many as the network gives logits."""
    head = architecture.head
    if not isinstance(head, JointConfig):
        return architecture.classes == len(manifest.labels)
    wanted = {task: len(labels) for task, labels in manifest.tasks.items()}
    return {one.task: one.classes for one in head.branches} == wanted
