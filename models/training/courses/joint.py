"""Several tasks at once: each brings its data, all share the tokenizer and the encoder.

The units of the tokenizer are those that carry tags, whether a task tags or classifies, so that all
heads read the same ids (`models.text.units`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from models import catalog
from models.heads.classification import ClassificationConfig
from models.heads.joint import BranchConfig, JointConfig
from models.heads.tagging import TaggingConfig
from models.live_model import LiveModel
from models.text.units import Units
from models.text.words import WordTokenizer
from models.training import data, tagged
from models.training.config import Config, TaskConfig
from models.training.courses.classifying import Classifying
from models.training.courses.course import Course, Sources
from models.training.courses.tagging import Tagging
from models.training.courses.units import placed_unit, word_tokenizer_for
from models.training.joint import Joint, Part, joined
from models.training.objectives import Objective
from models.training.reading.corpus import Reading
from schemas.model_version import TrainingData
from schemas.question import Question
from schemas.task import Task

_SAMPLES = 64
"""Most dev texts of a task that samples are drawn from: each task has the same share."""


class JointCourse:
    """The data of all tasks of a recipe."""

    def __init__(self, sources: Sources, config: Config) -> None:
        self._tasks = config.tasks
        bare = WordTokenizer.bare(placed_unit(sources, config))
        units = (forms for task in self._tasks for forms in _forms(task, bare, sources.reading))
        self.tokenizer = word_tokenizer_for(units, sources, config)
        features = catalog.of_tokens(config.encoder).features
        self._courses = [
            _course(one, sources, config, self.tokenizer, Units(self.tokenizer, features))
            for one in self._tasks
        ]
        pairs = list(zip(self._tasks, self._courses, strict=True))
        parts = [Part(task.name, own.objective, task.weight, task.answers) for task, own in pairs]
        self.objective: Objective = Joint(parts)
        passes = [task.passes for task in self._tasks]
        self.train = joined([one.train for one in self._courses], passes, sources.folder)
        self.dev = joined([one.dev for one in self._courses], passes, sources.folder)
        self.answers: dict[Task, Course] = {task.task: own for task, own in pairs if task.answers}
        """The course of each task that the version will answer, in the recipe's order."""
        self.labels = next(iter(self.answers.values())).labels

    @property
    def head(self) -> JointConfig:
        """The heads of all branches, those included that are there for training alone."""
        return JointConfig(
            branches=tuple(
                BranchConfig(
                    name=task.name,
                    task=task.task if task.answers else None,
                    classes=len(own.labels),
                    head=task.head or ClassificationConfig(),
                    encoder=task.encoder,
                )
                for task, own in zip(self._tasks, self._courses, strict=True)
            )
        )

    @property
    def further(self) -> dict[Task, tuple[str, ...]] | UnsetType:
        """The labels of what is answered beside the first task."""
        _, *others = self.answers.items()
        return {task: own.labels for task, own in others} or UNSET

    @property
    def data(self) -> tuple[TrainingData, ...]:
        """Where the examples of each task came from."""
        pairs = zip(self._tasks, self._courses, strict=True)
        return tuple(task.data.told(Path(task.train[0]), len(own.train.ids)) for task, own in pairs)

    def questions(self) -> list[Question]:
        """See `Course`; every task has as many."""
        asked = {task: own.questions() for task, own in self.answers.items()}
        most = min(_SAMPLES, *map(len, asked.values()))
        return [
            replace(one, task=task)
            for task, own in asked.items()
            for one in own[:: len(own) // most][:most]
        ]

    def dev_scores(self, model: LiveModel) -> dict[str, float]:
        """See `Course`; each name begins with its task."""
        return _named({task: own.dev_scores(model.of(task)) for task, own in self.answers.items()})

    def test_scores(self, model: LiveModel, paths: Sequence[Path]) -> dict[str, float]:
        """Score the tasks' own test files, all of which are among `paths`."""
        wanted = {one.task: tuple(map(Path, one.test)) for one in self._tasks if one.answers}
        return _named(
            {
                task: own.test_scores(model.of(task), wanted[task])
                for task, own in self.answers.items()
                if wanted[task]
            }
        )


def answering(network: Any, architecture: catalog.Architecture) -> tuple[Any, catalog.Architecture]:
    """Return network and architecture without branches that were there for training alone."""
    head = architecture.head
    if not isinstance(head, JointConfig) or all(one.task for one in head.branches):
        return network, architecture
    kept = tuple(one for one in head.branches if one.task is not None)
    smaller = replace(architecture, head=JointConfig(branches=kept), classes=kept[0].classes)
    left = catalog.build(smaller)
    for layer in left.layers:
        if layer.weights:
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return left, smaller


def _course(
    task: TaskConfig, sources: Sources, config: Config, tokenizer: WordTokenizer, units: Units
) -> Course:
    own = replace(config, tasks=(), head=task.head, data=task.data)
    files = replace(sources, train=tuple(map(Path, task.train)), dev=tuple(map(Path, task.dev)))
    if isinstance(task.head, TaggingConfig):
        return Tagging(files, own, tokenizer)
    return Classifying(files, own, units)


def _forms(task: TaskConfig, tokenizer: WordTokenizer, reading: Reading) -> Iterator[Sequence[str]]:
    """Yield the units of each training text of a task."""
    paths = tuple(map(Path, task.train))
    if isinstance(task.head, TaggingConfig):
        yield from (one.tokens for one in tagged.corpus(paths, reading=reading))
    else:
        for one in data.corpus(paths, reading):
            yield [word.form for word in tokenizer.split(one.text)]


def _named(rows: dict[Task, dict[str, float]]) -> dict[str, float]:
    return {f"{task}_{key}": value for task, row in rows.items() for key, value in row.items()}
