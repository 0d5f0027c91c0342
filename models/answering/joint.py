"""Joint versions: one pass of the network gives the answers of all tasks, one of which is wanted.

Every branch parses, stitches and decodes as a version of its own would; they share the ids, so a
text is the same row whichever task is asked, and texts of several tasks may share an array.
"""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from models import catalog
from models.answering.answerer import TOLERANCE, Answerer, Parsed
from models.answering.classes import ClassAnswerer
from models.answering.spans import SpanAnswerer
from models.answering.tracing import traced
from models.heads.joint import Branch, BranchConfig, JointConfig, branches
from models.heads.tagging import TaggingConfig
from models.text.units import Units
from models.text.words import WordTokenizer
from schemas.model_version import Manifest
from schemas.prediction import Prediction
from schemas.question import Question
from schemas.task import Task


class JointAnswerer:
    """Answers the task that each question asks; by default the first."""

    def __init__(self, manifest: Manifest, tokenizer: WordTokenizer, network: Any) -> None:
        self._network, self._default = network, manifest.task
        self._branches: dict[Task, Branch] = {}
        self.parts: dict[Task, Answerer] = {}
        """What answers each task, also alone."""
        head = _head(manifest)
        for one, seen in zip(head.branches, branches(network, head), strict=True):
            if one.task is not None:
                self._branches[one.task] = seen
                self.parts[one.task] = _part(only(manifest, one.task), one, tokenizer, seen)
        ends = accumulate(part.arrays for part in self.parts.values())
        self._own = {
            task: slice(end - part.arrays, end)
            for (task, part), end in zip(self.parts.items(), ends, strict=True)
        }
        self.arrays = sum(part.arrays for part in self.parts.values())
        self.run = traced(self.read, network)

    @staticmethod
    def load(path: Path) -> WordTokenizer:
        """Read the tokenizer of a version."""
        return WordTokenizer.load(path)

    def read(self, network: Any, ids: Any) -> tuple[Any, ...]:
        """Return the outputs of all branches, one after the other, by one pass."""
        outputs = network(ids, training=False)
        arrays: list[Any] = []
        for task, part in self.parts.items():
            arrays += part.read(self._branches[task].given(outputs), ids)
        return tuple(arrays)

    def parse(self, questions: Sequence[Question]) -> list[Any]:
        """Parse each question as its task does."""
        parsed: list[Any] = []
        for one in questions:
            task = one.task or self._default
            assert task is not None
            (found,) = self.parts[task].parse([one])
            parsed.append(replace(found, task=task))
        return parsed

    def stitch(self, outputs: Sequence[Any], parsed: Parsed) -> Sequence[Any]:
        """Stitch what the wanted task is answered from; of the rest nothing of use is left."""
        assert parsed.task is not None
        own = self._own[parsed.task]
        joined = [output[:1] for output in outputs]
        joined[own] = self.parts[parsed.task].stitch(outputs[own], parsed)
        return joined

    def decode(self, outputs: Sequence[Any], parsed: Sequence[Parsed]) -> list[Prediction]:
        """Return the wanted answer of each row."""
        answers: dict[int, Prediction] = {}
        for task, part in self.parts.items():
            rows = [row for row, one in enumerate(parsed) if one.task is task]
            if rows:
                own = [output[rows] for output in outputs[self._own[task]]]
                found = part.decode(own, [parsed[row] for row in rows])
                answers.update(zip(rows, found, strict=True))
        return [answers[row] for row in range(len(parsed))]

    def agree(self, one: Prediction, other: Prediction, tolerance: float = TOLERANCE) -> bool:
        """Whether two answers to the same question are the same within `tolerance`."""
        spans = one.spans is not None
        if spans != (other.spans is not None):
            return False
        like = (part for part in self.parts.values() if isinstance(part, SpanAnswerer) == spans)
        return next(like).agree(one, other, tolerance)


def only(manifest: Manifest, task: Task) -> Manifest:
    """Return the manifest of a joint version as if it answered this task alone."""
    one = next(one for one in _head(manifest).branches if one.task is task)
    plain = replace(catalog.read(manifest.architecture), head=one.head, classes=one.classes)
    return replace(
        manifest,
        task=task,
        labels=manifest.tasks[task],
        further=UNSET,
        architecture=plain.as_manifest(),
        samples=tuple(sample for sample in manifest.samples if sample.task is task),
    )


def _head(manifest: Manifest) -> JointConfig:
    head = catalog.read(manifest.architecture).head
    assert isinstance(head, JointConfig)
    return head


def _part(
    manifest: Manifest, config: BranchConfig, tokenizer: WordTokenizer, network: Branch
) -> Answerer:
    if isinstance(config.head, TaggingConfig):
        return SpanAnswerer(manifest, tokenizer, network)
    features = catalog.of_tokens(catalog.read(manifest.architecture).encoder).features
    return ClassAnswerer(manifest, Units(tokenizer, features), network)
