"""A recipe of several tasks that are trained jointly: its `[[tasks]]`, checked and filled in.

Each task names its files, from a folder of corpora or from the folder that the recipe is in, so the
command names none.
"""

from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from models.catalog import TokenEncoderConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from models.training import config as recipes
from models.training.config import Config, TaskConfig, answers, default, read
from schemas.errors import SettingsError
from schemas.task import Task


class Files(NamedTuple):
    """The files of all tasks, in the recipe's order."""

    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    test: tuple[Path, ...]


class Chosen(NamedTuple):
    """What a training is to do."""

    task: Task
    """The first that the version answers."""
    files: Files
    config: Config


def choose(
    task: Task | None, files: Files, path: Path | None, folder: Path | None = None
) -> Chosen:
    """Return the training of one task on these files, or that of the recipe's `[[tasks]]`.

    `folder` is where the tasks' files are named from; None for the recipe's own.

    Raises:
        SettingsError: the files and the tasks are named in neither place, or in both.
    """
    if task is None:
        if any(files):
            raise SettingsError("--train, --dev and --test need --task; [[tasks]] name their own")
        config = load(path, folder)
        return Chosen(first(config), named(config), config)
    if folder is not None:
        raise SettingsError("--data is the folder of [[tasks]]: with --task, name the files whole")
    if not (files.train and files.dev):
        raise SettingsError(f"--task {task} needs --train and --dev")
    return Chosen(task, files, recipes.load(path, task))


def load(path: Path | None, folder: Path | None = None) -> Config:
    """Read a recipe with `[[tasks]]`; their files are in `folder`, or where the recipe is.

    Raises:
        SettingsError: there is none, it has no tasks, or they do not go together.
    """
    config = None if path is None else read(path)
    if path is None or config is None or not config.tasks:
        raise SettingsError("give --task, --train and --dev, or --config with [[tasks]]")
    near = path.parent if folder is None else folder
    tasks = tuple(_filled(one, path, near) for one in config.tasks)
    names = [one.name for one in tasks]
    answered = [one.task for one in tasks if one.answers]
    wrong = {
        "each of [[tasks]] needs a name of its own": len(set(names)) < len(names),
        "one of [[tasks]] at least must answer": not answered,
        "a task is answered twice: set answers = false": len(set(answered)) < len(answered),
        "[[tasks]] share an encoder of tokens: choose another [encoder] type": not isinstance(
            config.encoder, TokenEncoderConfig
        ),
        "[distil] serves a single task": config.distil.teachers > 0,
    }
    for complaint in (complaint for complaint, holds in wrong.items() if holds):
        raise SettingsError(f"the recipe {path} is wrong: {complaint}")
    return replace(config, tasks=tasks)


def first(config: Config) -> Task:
    """Return the first task that is answered."""
    return next(one.task for one in config.tasks if one.answers)


def named(config: Config) -> Files:
    """Return the files of all tasks."""
    tasks = config.tasks
    return Files(
        train=tuple(Path(name) for one in tasks for name in one.train),
        dev=tuple(Path(name) for one in tasks for name in one.dev),
        test=tuple(Path(name) for one in tasks for name in one.test),
    )


def _filled(task: TaskConfig, path: Path, folder: Path) -> TaskConfig:
    head = task.head or default(task.task).head
    joint = isinstance(head, ClassificationConfig | TaggingConfig)
    if not joint or not answers(head, task.task):
        raise SettingsError(f"the recipe {path} is wrong: {task.task} cannot be one of [[tasks]]")
    parts = {"train": task.train, "dev": task.dev, "test": task.test}
    found = {part: tuple(str(folder / one) for one in names) for part, names in parts.items()}
    return replace(task, name=task.name or task.task.value, head=head, **found)
