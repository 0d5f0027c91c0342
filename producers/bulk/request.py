"""What a bulk job asks: which files, which of their columns, which tasks."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from producers.bulk.condition import Condition
from producers.rows import TEXT
from schemas.errors import DataError, UsageError
from schemas.job import DEFAULT_TENANT
from schemas.task import Task

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


Reuse = bool | Literal["all"]
REUSE: Final[Mapping[str, Reuse]] = {"file": True, "all": "all", "none": False}
"""Where a text's answer may come from: the job itself, or also the tenant's earlier jobs that were
submitted so, or nowhere. As the manifest keeps the words."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was when the job was asked for."""

    path: str
    """Absolute."""
    size: int
    """Bytes; of a directory those of its files."""
    changed_at: int
    """Nanoseconds since 1970."""
    ours: bool = False
    """Whether it is a copy that we keep, of standard input or of a table in memory."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk job as it was asked for; equal requests are the same job."""

    files: tuple[File, ...]
    tasks: tuple[Task, ...]
    text_column: str = TEXT
    id_column: str | None = None
    """Column whose values stand in `metadata.id` of the answers."""
    lang: Literal["zh", "en"] | None = None
    model: str | None = None
    tenant: Annotated[str, Meta(min_length=1, max_length=100)] = DEFAULT_TENANT
    where: tuple[Condition, ...] = ()
    on_error: Literal["skip", "stop"] = "skip"
    reuse: Reuse = True
    """Whether equal texts are answered once: see `REUSE`."""
    again: str | UnsetType = UNSET
    """`NAME@3`, whose texts are answered again by `model`; absent where files are."""

    @property
    def needed(self) -> list[str]:
        """Columns that each file must have."""
        return [self.text_column, *([self.id_column] if self.id_column else [])]

    @property
    def asked(self) -> list[str]:
        """Columns that are looked at before a row is answered."""
        return [*self.needed, *(each.column for each in self.where)]

    @property
    def exact(self) -> bool:
        """Whether texts count as equal only to the letter: a tag has a place in its own text."""
        return Task.TAGGING in self.tasks

    @property
    def across(self) -> bool:
        """Whether answers of earlier jobs count too."""
        return self.reuse == "all"

    def name(self) -> str:
        """The name of a job that was given none: the same for the same request."""
        of = f"rerun-{self.again}-{self.model}" if self.again else Path(self.files[0].path).name
        stem = re.sub(r"[^A-Za-z0-9]+", "-", of).strip("-")[:40]
        digest = blake2b(msgspec.msgpack.encode(self), digest_size=4).hexdigest()
        return f"{stem or 'bulk'}-{digest}"


def file_at(path: Path, *, ours: bool = False) -> File:
    """The file or directory as it is now; a link keeps its name, which tells what is in it.

    Raises:
        DataError: there is none.
    """
    try:
        found = [path, *sorted(path.glob("*.txt"))] if path.is_dir() else [path]
        stats = [one.stat() for one in found]
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from None
    return File(
        path=str(path.parent.resolve() / path.name),
        size=sum(one.st_size for one in stats),
        changed_at=max(one.st_mtime_ns for one in stats),
        ours=ours,
    )


def check_unchanged(file: File) -> None:
    """Refuse a file that is not what it was.

    Raises:
        DataError: says what to do.
    """
    now = file_at(Path(file.path))
    if (now.size, now.changed_at) != (file.size, file.changed_at):
        raise DataError(
            f"{file.path} has changed since the job was asked for, so its rows are not known any "
            "more. Put it back as it was, or submit it as another job."
        )


def reuse_of(said: str | bool) -> Reuse:
    """What a word of `--reuse` asks; what a program said as a truth value stays.

    Raises:
        UsageError: it is no such word.
    """
    if isinstance(said, bool):
        return said
    if said not in REUSE:
        raise UsageError(f"`{str(said)[:20]}` is nothing to reuse from: {', '.join(REUSE)}.")
    return REUSE[said]


def check_name(name: str) -> str:
    """The name, if a job may have it.

    Raises:
        UsageError: it may not.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"A bulk job cannot be named {name[:40]!r}: letters, digits, dots, hyphens and "
            "underscores, at most 100."
        )
    return name


def as_builtins(request: Request) -> dict[str, Any]:
    """The request as JSON has it."""
    built: dict[str, Any] = msgspec.to_builtins(request)
    return built
