"""Bytes to jobs and back: the one place where the wire format is read and written.

`decode` accepts what the JSON Schema accepts and refuses the rest with `InvalidJobError`, whose
`reason` is one of `REASONS`. It never raises anything else, whatever the bytes are.
"""

import json
from hashlib import blake2b
from inspect import cleandoc
from typing import Any, Final

import msgspec

from schemas.errors import InvalidJobError
from schemas.job import Job

MAX_TEXT_BYTES: Final = 1024 * 1024
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024
"""A text of the largest size with every character escaped, and room for the rest."""
MAX_DEPTH: Final = 32

REASONS: Final = {
    "empty_record": "the record has no value",
    "not_utf8": "the bytes are not UTF-8",
    "not_json": "the bytes are not one JSON object",
    "missing_field": "`job_id` or `text` is missing",
    "invalid_field": "a field has the wrong type or a value that is not allowed",
    "forbidden_character": "a string holds NUL or half of a surrogate pair",
    "too_deep": f"the JSON is nested deeper than {MAX_DEPTH}",
    "empty_text": "the text is empty or only white space",
    "record_too_large": f"the record is larger than {MAX_RECORD_BYTES} bytes",
    "text_too_large": f"the text is larger than {MAX_TEXT_BYTES} bytes of UTF-8",
    "unsupported_version": "`v` is not 1",
    "unknown_task": "the topic is of no known task",
    "unknown_model": "`model` names no registered model or version",
    "wrong_model": "`model` names a model that answers another task",
    "no_model": "no model is routed for this task and language",
    "undecodable_record": "the log could not deliver the record",
}
"""Reason codes of records that are INVALID, and what each means."""

_WITHOUT_A_VALUE: Final = (
    "Expected ",
    "Object missing required field ",
    "Invalid RFC3339 encoded datetime",
    "Number out of range",
)
"""How those of the decoder's messages begin that name types and fields of ours alone."""

_decoder = msgspec.json.Decoder(Job)
_encoder = msgspec.json.Encoder()


def encode(job: Job) -> bytes:
    """The job as one line of UTF-8 JSON; fields at their default are left out, but for `v`."""
    return b'{"v":1,' + _encoder.encode(job)[1:]


def decode(value: bytes | None) -> Job:
    """The job in a record's value.

    Raises:
        InvalidJobError: with a `reason` of `REASONS`.
    """
    if not value:
        raise InvalidJobError("empty_record", REASONS["empty_record"])
    if len(value) > MAX_RECORD_BYTES:
        raise InvalidJobError("record_too_large", REASONS["record_too_large"])
    try:
        job = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(value, error) from None
    _check_text(job.text)
    if b"\\u0000" in value:
        _refuse_nul(job)
    if job.metadata and _depth(job.metadata) > MAX_DEPTH:
        raise InvalidJobError("too_deep", REASONS["too_deep"])
    if job.metadata or job.deadline is not None:
        _check_range(job)
    return job


def payload_digest(job: Job) -> bytes:
    """16 bytes that are equal for two jobs exactly when they ask the same about the same text."""
    payload = (job.text, job.lang, job.model, job.context)
    return blake2b(msgspec.msgpack.encode(payload), digest_size=16).digest()


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of wire format 1."""
    schema = msgspec.json.schema(Job)
    job = schema["$defs"]["Job"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:textmill:job:1",
        **job,
        "title": "Textmill job, wire format 1",
        "description": cleandoc(job["description"]),
    }


def _check_text(text: str) -> None:
    if not text or text.isspace():
        raise InvalidJobError("empty_text", REASONS["empty_text"])
    if len(text) * 4 > MAX_TEXT_BYTES and len(text.encode()) > MAX_TEXT_BYTES:
        raise InvalidJobError("text_too_large", REASONS["text_too_large"])


def _check_range(job: Job) -> None:
    """Refuse what JSON can say and a batch cannot carry: 2**64, a deadline outside UTC's years."""
    try:
        msgspec.msgpack.encode(job)
    except OverflowError:
        detail = "a number has more than 64 bits or `deadline` is outside the years 1 to 9999"
        raise InvalidJobError("invalid_field", detail) from None


def describe(error: msgspec.ValidationError) -> str:
    """What is wrong with a field and where: only what was expected, never the value."""
    message, at, path = str(error).rpartition(" - at ")
    said = message if at else path
    if not said.startswith(_WITHOUT_A_VALUE):
        said = "Invalid value"
    return f"{said} - at {path}" if at else said


def _refusal(value: bytes, error: Exception) -> InvalidJobError:
    reason = _reason(value, error)
    if reason in {"missing_field", "invalid_field"} and isinstance(error, msgspec.ValidationError):
        return InvalidJobError(reason, describe(error))
    return InvalidJobError(reason, REASONS[reason])


def _reason(value: bytes, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "too_deep"
    if isinstance(error, msgspec.ValidationError):
        return _reason_of_validation(str(error))
    try:
        return "forbidden_character" if _holds_surrogate(value.decode()) else "not_json"
    except UnicodeDecodeError:
        return "not_utf8"
    except RecursionError:
        return "too_deep"
    except ValueError:
        return "not_json"


def _reason_of_validation(message: str) -> str:
    if message.startswith("Object missing required field"):
        return "missing_field"
    if message.endswith("`$.v`"):
        return "unsupported_version"
    if message.startswith("Expected `object`") and "$" not in message:
        return "not_json"
    return "invalid_field"


def _holds_surrogate(document: str) -> bool:
    parsed = json.loads(document)
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _refuse_nul(job: Job) -> None:
    level: list[Any] = [msgspec.to_builtins(job)]
    while level:
        if any(isinstance(node, str) and "\0" in node for node in level):
            raise InvalidJobError("forbidden_character", REASONS["forbidden_character"])
        level = [child for node in level for child in _children(node)]


def _depth(value: object) -> int:
    """Levels of nesting, counted no further than one beyond the limit."""
    if isinstance(value, dict) and not any(map(_has_parts, value.values())):
        return 2  # as nearly always, and three times as fast
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        level = [child for node in level for child in _children(node)]
        depth += 1
    return depth


def _has_parts(node: object) -> bool:
    return isinstance(node, (dict, list, tuple))


def _children(node: object) -> list[Any]:
    if isinstance(node, dict):
        return [*node.keys(), *node.values()]
    return list(node) if isinstance(node, list | tuple) else []
