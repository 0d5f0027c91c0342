"""A result on its topic: what was answered to one job, exactly as it stands on the wire, version 1.

The topic is `textmill.results.<task>`, the key is the job's id. A message follows the commit of its
row of `result` and says the same; it may come more than once.
"""

from datetime import datetime
from inspect import cleandoc
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from schemas.model_version import Language
from schemas.prediction import Prediction
from schemas.task import Task
from schemas.wire import MAX_RECORD_BYTES

ROOM: Final = 4096
"""Bytes of a record that its key and what the log adds may take."""
LARGEST: Final = MAX_RECORD_BYTES - ROOM


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One answer and what made it. (tenant, job_id, task, run) names it.

    Readers ignore keys that they do not know. What would make the record too large is null; it
    stands in SQL.
    """

    v: Annotated[Literal[1], Meta(description="Version of this format.")] = 1
    tenant: Annotated[str, Meta(description="Whose job it is.")]
    job_id: Annotated[str, Meta(description="Unique in its tenant.")]
    task: Annotated[Task, Meta(description="What was asked.")]
    run: Annotated[
        int, Meta(description="0, or the number of a re-run, whose answers do not stand yet.")
    ]
    lang: Annotated[Language, Meta(description="Given or detected.")]
    model: Annotated[str, Meta(description="Name of the model that answered.")]
    version: Annotated[int, Meta(description="Its version.")]
    build: Annotated[
        str | None, Meta(description="Form of the version's network; null: not known.")
    ]
    prediction: Annotated[
        Prediction | None, Meta(description="The answer; null: too large, see the row.")
    ]
    created_at: Annotated[datetime, Meta(tz=True, description="When the row was written, UTC.")]
    latency_ms: Annotated[int, Meta(description="From the job's entry into the log to the row.")]
    bulk_id: Annotated[str | None, Meta(description="The bulk submission it belongs to.")]
    metadata: Annotated[
        dict[str, Any] | None,
        Meta(description="What the producer gave; null: too large, see the row."),
    ]


_encoder = msgspec.json.Encoder()


def encode(result: Result, largest: int = LARGEST) -> bytes:
    """The result as one line of UTF-8 JSON, which any topic takes.

    A job's metadata and the tags of its text fit into a record each, and perhaps not together.
    """
    value = _encoder.encode(result)
    for left_out in ("metadata", "prediction"):
        if len(value) <= largest:
            break
        result = msgspec.structs.replace(result, **{left_out: None})
        value = _encoder.encode(result)
    return value


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of results, format 1."""
    schema = msgspec.json.schema(Result)
    parts = schema["$defs"]
    result = parts.pop("Result")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:textmill:result:1",
        **result,
        "title": "Textmill result, wire format 1",
        "description": cleandoc(result["description"]),
        "$defs": {name: _described(part) for name, part in parts.items()},
    }


def _described(part: dict[str, Any]) -> dict[str, Any]:
    said = part.get("description")
    return part if said is None else {**part, "description": cleandoc(said)}
