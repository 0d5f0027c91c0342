"""A text job: what a producer asks, exactly as it stands on the wire (version 1).

The task is not part of the message: the topic implies it. `schemas.wire` turns bytes into a `Job`
and back; nothing else does.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from schemas.model_version import Language

MODEL_REFERENCE = r"^[a-z0-9][a-z0-9-]{0,62}(@([1-9][0-9]{0,8}|[a-z][a-z0-9-]{0,62}))?$"
DEFAULT_TENANT = "default"

JobId = Annotated[str, Meta(min_length=1, max_length=200, description="Unique in its tenant.")]
Name = Annotated[str, Meta(min_length=1, max_length=100)]


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One text and what to know about it. Only `job_id` and `text` are required.

    Unknown keys are ignored, so that a producer may be newer than its consumer.
    """

    v: Annotated[Literal[1], Meta(description="Version of this format.")] = 1
    job_id: JobId
    text: Annotated[str, Meta(description="What the model reads; at most 1 MiB of UTF-8.")]
    lang: Annotated[
        Language | None, Meta(description="Language of the text; detected when null.")
    ] = None
    model: Annotated[
        Annotated[str, Meta(pattern=MODEL_REFERENCE)] | None,
        Meta(
            description="A model (`name`), one version (`name@3`) or an alias "
            "(`name@stable`); null: by route."
        ),
    ] = None
    context: Annotated[
        tuple[str, ...],
        Meta(max_length=64, description="Earlier turns of the dialogue, oldest first."),
    ] = ()
    deadline: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="RFC 3339. A job not answered by then ends as EXPIRED."),
    ] = None
    tenant: Annotated[Name, Meta(description="Whose job it is.")] = DEFAULT_TENANT
    bulk_id: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Meta(description="The bulk submission this job belongs to."),
    ] = None
    run: Annotated[
        int,
        Meta(ge=0, le=2**31 - 1, description="0, or the number of a re-run, unseen until applied."),
    ] = 0
    metadata: Annotated[
        dict[str, Any], Meta(description="Kept beside the result, never interpreted.")
    ] = {}
