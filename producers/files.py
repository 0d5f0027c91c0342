"""Files of texts into jobs: JSON Lines or plain lines, packed or not, or standard input.

A JSON line is a job as on the wire, of which only `text` must be there; a plain line is a text.
What a line does not say is filled from `Defaults`. A job without an id gets one that follows from
its file, its line number, what it asks and its metadata, so that publishing a file twice, or a file
that has grown, answers each line once, and another file's lines are other jobs. Standard input has
no name: there the same line in the same place is the same job.

A line that is no job stops the reading with its number, or is counted and skipped: whoever calls
decides. The message never shows the line.
"""

import os
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from producers.opening import STANDARD_INPUT, lines, shown, unpacked
from producers.publisher import encode
from producers.rows import JSON_SUFFIXES, PLAIN_SUFFIXES, numbered, object_in, text_in
from schemas import wire
from schemas.errors import DataError, InvalidJobError, UsageError
from schemas.job import DEFAULT_TENANT, Job


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
        name: path of the file, packed if it ends in `.gz` or `.zst`; `-` is standard input.
        defaults: what a line does not say.
        on_bad_line: called for a line that is no job, which is then skipped.

    Raises:
        DataError: the file cannot be read; or, without `on_bad_line`, a line is no job.
    """
    origin = "" if name == STANDARD_INPUT else str(Path(name).resolve())
    for number, line, is_json in numbered(lines(name), _format_of(name)):
        try:
            job = _job_of(line, f"{origin}:{number}", is_json, defaults)
            encode(job)
        except InvalidJobError as error:
            problem = DataError(f"{shown(name)}, line {number}: {error} ({error.reason}).")
            if on_bad_line is None:
                raise problem from None
            on_bad_line(problem)
        else:
            yield job


def _job_of(line: bytes, place: str, is_json: bool, defaults: Defaults) -> Job:
    fields = msgspec.structs.asdict(defaults)
    if is_json:
        said = object_in(line)
        metadata = said.get("metadata")
        if isinstance(metadata, dict):
            said["metadata"] = defaults.metadata | metadata
        fields |= said
    else:
        fields["text"] = text_in(line)
    has_id = "job_id" in fields
    try:
        job = msgspec.convert({"job_id": "?"} | fields, Job)
    except msgspec.ValidationError as error:
        missing = str(error).startswith("Object missing required field")
        reason = "missing_field" if missing else "invalid_field"
        raise InvalidJobError(reason, wire.describe(error)) from None
    return job if has_id else msgspec.structs.replace(job, job_id=_id_of(job, place))


def _id_of(job: Job, place: str) -> str:
    """The id of a job without one, from what it asks and where it stands: `FILE:LINE`."""
    where = os.fsencode(place) + b"\0" + msgspec.json.encode(job.metadata)
    digest = blake2b(wire.payload_digest(job) + where, digest_size=12).hexdigest()
    return f"{digest}-{place.rpartition(':')[2]}"


def _format_of(name: str) -> bool | None:
    """Whether the file is JSON Lines; None when its first line must tell."""
    suffix = Path(unpacked(name)).suffix.lower()
    if suffix in JSON_SUFFIXES:
        return True
    return False if suffix in PLAIN_SUFFIXES else None
