"""One training from files to a version directory: the steps of `textmill train`, in order.

read -> labels -> tokenizer -> network -> fit -> round to the stored precision -> score -> samples
-> card -> save. The version directory appears only when all of it worked; until then everything
lies in `<out>.training` (`models.training.workspace`), from which `resume` goes on.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import msgspec
from msgspec import UNSET

from models import artifact, catalog
from models.live_model import LiveModel
from models.training import (
    batches,
    confusion,
    courses,
    curves,
    distil,
    raw_text,
    saving,
    together,
    transfer,
    unlabelled,
    word_vectors,
    workspace,
)
from models.training.checkpoint import Progress
from models.training.config import Config
from models.training.courses import Course, Sources
from models.training.courses.joint import JointCourse, answering
from models.training.exchange import Exchange
from models.training.expected import Spread, spread
from models.training.fit import Trainer
from models.training.objectives import Labels, Tags
from models.training.observer import Observer
from models.training.pace import pace_of
from models.training.request import Request
from schemas.model_version import AS_USUAL, Manifest, Sample
from schemas.prediction import Prediction
from schemas.question import Question
from schemas.task import Task

__all__ = ["Learnt", "Request", "finished", "learn", "learn_course", "sources", "train"]

SAMPLES = 8
COUNTED = 1000
"""Texts of the development set whose answers are counted, at most."""


class Learnt(NamedTuple):
    """A network that has learnt, and how."""

    course: Course
    network: Any
    architecture: catalog.Architecture
    parent: str | None
    trainer: Trainer
    progress: Progress


def train(request: Request, observer: Observer, processes: int = 1) -> Manifest:
    """Train and write the version directory `request.out`; return its manifest.

    Raises:
        DataError: unusable files, or `out` exists.
        UnavailableError: the disk takes no more, or one of several processes was gone before the
            end; what was finished can be resumed.
    """
    transfer.check(request.config, request.init_from)
    with workspace.unfinished(request.out):
        folder = _enter(request)
        with together.joined(request, processes, folder) as exchange:
            learnt = learn(request, folder, observer, exchange)
        return _conclude(request, learnt, folder)


def learn(request: Request, folder: Path, observer: Observer, exchange: Exchange) -> Learnt:
    """Read the data and learn; with checkpoints in `folder`, from which it goes on."""
    course = courses.prepare(sources(request, folder), request.config)
    return learn_course(request, course, folder, observer, exchange)


def learn_course(
    request: Request, course: Course, folder: Path, observer: Observer, exchange: Exchange
) -> Learnt:
    """Do the same with data that somebody has read."""
    config = request.config
    architecture = catalog.Architecture(
        vocabulary=course.tokenizer.size,
        classes=len(course.labels),
        encoder=config.encoder,
        head=course.head if isinstance(course, JointCourse) else config.head,
    )
    make = partial(_network, request, course, architecture, folder, observer)
    objective = distil.taught(course, config, make, folder, observer, exchange)
    network, parent = make(config.fit.seed)
    learner = catalog.computing_in(config.fit.precision, network, architecture)
    rows = batches.rows(course.train, config.fit.batch_size)
    pace = pace_of(learner, config)
    trainer = Trainer(learner, objective, config.fit, rows, pace, exchange)
    progress = trainer.run(course.train, course.dev, folder, observer)
    network.set_weights(learner.get_weights())
    return Learnt(course, network, architecture, parent, trainer, progress)


def _conclude(request: Request, learnt: Learnt, folder: Path) -> Manifest:
    _draw(learnt, folder)
    network, architecture = answering(learnt.network, learnt.architecture)
    manifest = _manifest(request, architecture, learnt.course)
    manifest = msgspec.structs.replace(manifest, parent=learnt.parent)
    manifest = finished(manifest, learnt.course, network, request.config, request.test)
    tokenizer = learnt.course.tokenizer
    return saving.save(request.out, manifest, request.config, tokenizer, network, folder)


def _draw(learnt: Learnt, folder: Path) -> None:
    course = learnt.course
    curves.draw(learnt.progress, folder / workspace.CURVE)
    if isinstance(course.objective, Labels | Tags):
        table = confusion.of(course.objective, learnt.trainer.decide(course.dev), course.labels)
        confusion.draw(table, folder / workspace.CONFUSION)


def _network(
    request: Request,
    course: Course,
    architecture: catalog.Architecture,
    folder: Path,
    observer: Observer,
    seed: int,
) -> tuple[Any, str | None]:
    """Return a network before its first step and its parent's digest; all random numbers that are
    drawn from here on come from `seed`."""
    keras.utils.set_random_seed(seed)
    network = catalog.build(architecture)
    if request.raw:
        texts = unlabelled.read(request.raw, request.lang, request.reading)
        raw_text.start(network, request.config.encoder, course.tokenizer, texts, folder)
    if request.vectors is not None:
        share = word_vectors.start(network, course.tokenizer, request.vectors)
        observer.report({"step": 0, "tokens_with_vectors": share})
    return network, transfer.start(network, architecture, request.init_from)


def sources(request: Request, folder: Path) -> Sources:
    """Return the files of a training, which keeps what it encodes in `folder`."""
    parent = request.init_from
    return Sources(
        train=request.train,
        dev=request.dev,
        lang=request.lang,
        tokenizer=None if parent is None else parent / artifact.TOKENIZER,
        lexicon=request.lexicon,
        reading=request.reading,
        folder=folder,
    )


def _enter(request: Request) -> Path:
    """Return the folder of this training, checked if it is resumed."""
    columns = request.reading.text_column, request.reading.label_column
    facts = [request.name, request.task, request.lang, request.config, columns]
    return workspace.enter(request.out, msgspec.json.encode(facts), request.files, request.resume)


def _manifest(request: Request, architecture: catalog.Architecture, course: Course) -> Manifest:
    if isinstance(course, JointCourse):
        further, data = course.further, course.data
    else:
        data = (request.config.data.told(request.train[0], len(course.train.ids)),)
        further = msgspec.UNSET
    return Manifest(
        name=request.name,
        task=request.task,
        languages=(request.lang,),
        labels=course.labels,
        further=further,
        max_length=request.config.encoder.length,
        architecture=architecture.as_manifest(),
        data=data,
        run=msgspec.UNSET if request.config.run == AS_USUAL else request.config.run,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files={},
    )


def finished(
    manifest: Manifest,
    course: Course,
    network: Any,
    config: Config,
    test: Sequence[Path] = (),
) -> Manifest:
    """Round the weights to what is stored, then add scores, samples and warm-up texts."""
    saving.rounded(network, config)
    model = LiveModel(manifest, course.tokenizer, network)
    metrics = _prefixed("dev", course.dev_scores(model))
    if test:
        metrics |= _prefixed("test", course.test_scores(model, test))
    dev = course.questions()
    questions = dev[:: max(1, len(dev) // SAMPLES)][:SAMPLES]
    pairs = zip(questions, model.ask(questions), strict=True)
    samples = tuple(
        Sample(
            text=one.text,
            prediction=answer,
            context=one.context or UNSET,
            task=one.task or UNSET,
        )
        for one, answer in pairs
    )
    warm_up = tuple(one.text for one in questions)
    manifest = msgspec.structs.replace(manifest, metrics=metrics, expected=_expected(model, dev))
    return msgspec.structs.replace(manifest, samples=samples, warm_up=warm_up)


def _expected(model: LiveModel, dev: Sequence[Question]) -> dict[Task, Spread]:
    """Return how the answers to the development set are spread, from a part of it where it is
    large."""
    some = dev[:: -(-len(dev) // COUNTED)]
    answers: dict[Task, list[Prediction]] = {}
    for question, answer in zip(some, model.ask(some), strict=True):
        task = question.task or next(iter(model.manifest.tasks))
        answers.setdefault(task, []).append(answer)
    (language,) = model.manifest.languages
    return {task: spread(said, language) for task, said in answers.items()}


def _prefixed(split: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{split}_{name}": round(value, 4) for name, value in values.items()}
