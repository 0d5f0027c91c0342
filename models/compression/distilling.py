"""A student learns from versions that exist, and becomes a version: `textmill compress distil`.

    split the texts -> what the teachers believe, to disk -> learn -> measure against the first
    teacher -> save

Classifiers and taggers learn beliefs (`models.compression.soft`), raw texts included. Summarisers
learn the summaries that the teacher writes (sequence-level distillation; Kim & Rush 2016): each
text comes with its own summary and again with the teacher's, a raw one with the teacher's alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import msgspec

from models import artifact, catalog
from models.compression import examples, lessons, soft, written
from models.compression.conclusion import Student, conclude
from models.compression.order import Order
from models.compression.teachers import Teacher
from models.compression.variants import Variants
from models.training import batches, config, courses, unlabelled, workspace
from models.training.batches import Encoded
from models.training.config import Config
from models.training.courses import Course, Sources
from models.training.fit import Trainer
from models.training.objectives import Believing, Objective
from models.training.observer import Observer
from models.training.reading.corpus import Reading
from schemas.errors import SettingsError
from schemas.model_version import Manifest
from schemas.task import Task


def distil(order: Order, student: Config, observer: Observer) -> Manifest:
    """Train a student of the teachers and write it as the first teacher's child.

    Raises:
        SettingsError: the recipe does not fit the teachers, or they do not fit each other.
        DataError: unusable files, or `out` exists.
    """
    parent = artifact.verify(order.parent)
    check(parent, student)
    with workspace.unfinished(order.out):
        folder = order.enter(student)
        given = examples.split(parent, order.train, order.dev, order.reading, folder)
        if parent.task is Task.SUMMARIZATION:
            given = written.with_summaries(order, given, folder)
        made = _student(order, parent, student, given, folder)
        learn(made, order, given, folder, observer)
        return conclude(made, order, given, "distilled", folder)


def check(parent: Manifest, student: Config) -> None:
    """Raise SettingsError where a version of this kind cannot teach such a student."""
    if parent.task is None or parent.further:
        raise SettingsError("a teacher answers one task: joint versions and encoders cannot teach")
    if student.tasks or not config.answers(student.head, parent.task):
        raise SettingsError(
            f"the student's [head] does not answer {parent.task}, as the teacher's does"
        )
    if student.distil.teachers:
        raise SettingsError(
            "[distil] teachers is for `textmill train`: leave it out, as --teacher says who"
        )


def learn(
    made: Student, order: Order, given: examples.Split, folder: Path, observer: Observer
) -> None:
    """Let a network learn from labels and from what the teachers believe."""
    architecture = catalog.read(made.manifest.architecture)
    bare = catalog.computing_in(made.config.fit.precision, made.network, architecture)
    train, objective, width = _lesson(made, order, given, folder, bare)
    learner = soft.matched(bare, width) if width else bare
    fit, dev = made.config.fit, made.course.dev
    trainer = Trainer(learner, objective, fit, batches.rows(train, fit.batch_size))
    trainer.run(train, dev, folder, observer)
    made.network.set_weights(bare.get_weights())


def course_of(
    parent: Manifest, student: Config, given: examples.Split, folder: Path, **more: Any
) -> Course:
    """Return the texts as a network with the parent's labels learns them."""
    sources = Sources(
        train=(given.train,),
        dev=(given.dev,),
        lang=parent.languages[0],
        labels=parent.labels,
        reading=Reading(any_language=True),
        folder=folder,
        **more,
    )
    as_given = msgspec.structs.replace(student.data, drop_labels=(), rename_labels={})
    return courses.prepare(sources, msgspec.structs.replace(student, data=as_given))


def _student(
    order: Order, parent: Manifest, student: Config, given: examples.Split, folder: Path
) -> Student:
    more = {"raw": order.raw, "lexicon": order.lexicon}
    course = course_of(parent, student, given, folder, **more)
    architecture = catalog.Architecture(
        vocabulary=course.tokenizer.size,
        classes=len(course.labels),
        encoder=student.encoder,
        head=student.head,
    )
    keras.utils.set_random_seed(student.fit.seed)
    manifest = msgspec.structs.replace(
        parent,
        name=order.name or parent.name,
        max_length=student.encoder.length,
        architecture=architecture.as_manifest(),
        data=(student.data.told(order.train[0], len(course.train.ids)),),
        run=msgspec.UNSET,
        builds=msgspec.UNSET,
        allowed_loss=msgspec.UNSET,
        created_at=order.now,
    )
    return Student(manifest, course, catalog.build(architecture), student)


def _lesson(
    made: Student, order: Order, given: examples.Split, folder: Path, bare: Any
) -> tuple[Encoded, Objective, int]:
    """Return what is learnt, after what, and the width of the features that are matched, or 0."""
    course, wanted = made.course, made.config.distil
    if not isinstance(course.objective, Believing) or made.manifest.task is Task.SUMMARIZATION:
        return course.train, course.objective, 0
    teachers = [Teacher(one, course.labels) for one in order.teachers]
    labelled = examples.corpus(made.manifest, [given.train], Reading())
    raw = _Raw(order, given, made)
    train = lessons.lesson(course, made.config, teachers, labelled, raw, folder)
    width = sum(one.width for one in teachers) if wanted.hidden else 0
    return train, soft.Soft(course.objective, bare, wanted), width


class _Raw:
    """What has no label: raw texts, then changed copies of labelled ones; anew each time."""

    def __init__(self, order: Order, given: examples.Split, made: Student) -> None:
        self._order, self._lang = order, made.manifest.languages[0]
        labelled = examples.corpus(made.manifest, [given.train], Reading())
        texts = (one.text for one in labelled) if order.variants else ()
        self._copies = Variants(texts, order.variants, self._lang, made.config.fit.seed)

    def __iter__(self) -> Iterator[str]:
        if self._order.raw:
            yield from unlabelled.read(self._order.raw, self._lang, self._order.reading)
        yield from self._copies
