"""Files of texts into jobs: JSON Lines or plain lines, plain or gzip, or standard input.

A JSON line is a job as on the wire, of which only `text` must be there; a plain line is a text.
What a line does not say is filled from `Defaults`. A job without an id gets one that follows from
its file, its line number, what it asks and its metadata, so that publishing a file twice, or a file
that has grown, answers each line once, and another file's lines are other jobs. Standard input has
no name: there the same line in the same place is the same job.

A line that is no job stops the reading with its number, or is counted and skipped: whoever calls
decides. The message never shows the line.
"""

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from producers.publisher import encode
from schemas import wire
from schemas.errors import DataError, InvalidJobError, UsageError
from schemas.job import DEFAULT_TENANT, Job

STANDARD_INPUT: Final = "-"
JSON_SUFFIXES: Final = frozenset({".jsonl", ".ndjson", ".json"})
PLAIN_SUFFIXES: Final = frozenset({".txt", ".text"})
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of every job of a file, where its line does not say otherwise."""

    lang: str | None = None
    model: str | None = None
    tenant: str = DEFAULT_TENANT
    metadata: dict[str, Any] = {}
    """Joined with the line's own metadata, whose keys win."""

    def check(self) -> None:
        """Refuse values that no job may have.

        Raises:
            UsageError: says which.
        """
        try:
            _job_of(b"x", ":1", False, self)
        except InvalidJobError as error:
            raise UsageError(f"A field for all lines is not allowed: {error}.") from None


def read_jobs(
    name: str, defaults: Defaults, on_bad_line: Callable[[DataError], None] | None = None
) -> Iterator[Job]:
    """The jobs of a file, one a line, each checked by the rules of the wire format.

    Args:
        name: path of the file, gzip if it ends in `.gz`; `-` is standard input.
        defaults: what a line does not say.
        on_bad_line: called for a line that is no job, which is then skipped.

    Raises:
        DataError: the file cannot be read; or, without `on_bad_line`, a line is no job.
    """
    origin = "" if name == STANDARD_INPUT else str(Path(name).resolve())
    with _opened(name) as file:
        for number, line, is_json in _lines(file, name):
            try:
                job = _job_of(line, f"{origin}:{number}", is_json, defaults)
                encode(job)
            except InvalidJobError as error:
                problem = DataError(f"{_shown(name)}, line {number}: {error} ({error.reason}).")
                if on_bad_line is None:
                    raise problem from None
                on_bad_line(problem)
            else:
                yield job


def _lines(file: IO[bytes], name: str) -> Iterator[tuple[int, bytes, bool]]:
    """Number and content of each line that is not blank, and whether it is JSON."""
    is_json = _format_of(name)
    for number, line in enumerate(file, 1):
        content = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if content.strip():
            is_json = content.lstrip().startswith(b"{") if is_json is None else is_json
            yield number, content, is_json


def _job_of(line: bytes, place: str, is_json: bool, defaults: Defaults) -> Job:
    fields = msgspec.structs.asdict(defaults)
    if is_json:
        said = _object_in(line)
        metadata = said.get("metadata")
        if isinstance(metadata, dict):
            said["metadata"] = defaults.metadata | metadata
        fields |= said
    else:
        fields["text"] = _utf8(line).rstrip("\r\n")
    has_id = "job_id" in fields
    try:
        job = msgspec.convert({"job_id": "?"} | fields, Job)
    except msgspec.ValidationError as error:
        missing = str(error).startswith("Object missing required field")
        reason = "missing_field" if missing else "invalid_field"
        raise InvalidJobError(reason, wire.describe(error)) from None
    return job if has_id else msgspec.structs.replace(job, job_id=_id_of(job, place))


def _object_in(line: bytes) -> dict[str, Any]:
    _utf8(line)
    try:
        said = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidJobError("not_json", "the line is not one JSON object") from None
    if not isinstance(said, dict):
        raise InvalidJobError("not_json", "the line is not one JSON object")
    return said


def _utf8(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise InvalidJobError("not_utf8", wire.REASONS["not_utf8"]) from None


def _id_of(job: Job, place: str) -> str:
    """The id of a job without one, from what it asks and where it stands: `FILE:LINE`."""
    where = os.fsencode(place) + b"\0" + msgspec.json.encode(job.metadata)
    digest = blake2b(wire.payload_digest(job) + where, digest_size=12).hexdigest()
    return f"{digest}-{place.rpartition(':')[2]}"


def _format_of(name: str) -> bool | None:
    """Whether the file is JSON Lines; None when its first line must tell."""
    suffix = Path(name.removesuffix(".gz")).suffix.lower()
    if suffix in JSON_SUFFIXES:
        return True
    return False if suffix in PLAIN_SUFFIXES else None


def _shown(name: str) -> str:
    return "standard input" if name == STANDARD_INPUT else name


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    try:
        if name == STANDARD_INPUT:
            yield sys.stdin.buffer
        elif name.endswith(".gz"):
            with gzip.open(name) as file:
                yield cast("IO[bytes]", file)
        else:
            with Path(name).open("rb") as file:
                yield file
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {_shown(name)}: {error}.") from error
