"""The sample texts that ship with Textmill."""

from importlib.resources import files

import msgspec

from schemas.job import Job
from schemas.task import Task

DEMO_TENANT = "demo"
SOURCES: tuple[tuple[str, Task], ...] = (
    ("classification-en.jsonl", Task.CLASSIFICATION),
    ("classification-zh.jsonl", Task.CLASSIFICATION),
    ("sentiment-en.jsonl", Task.SENTIMENT),
    ("sentiment-zh.jsonl", Task.SENTIMENT),
    ("summarization-en.jsonl", Task.SUMMARIZATION),
    ("summarization-zh.jsonl", Task.SUMMARIZATION),
    ("tagging-en.jsonl", Task.TAGGING),
    ("tagging-zh.jsonl", Task.TAGGING),
)


def read(source: str) -> list[Job]:
    """The jobs of one sample file; their ids are stable, so that a second run doubles nothing."""
    lines = (files("workers.demo") / "samples" / source).read_bytes().splitlines()
    jobs = (msgspec.json.decode(line, type=Job) for line in lines)
    return [msgspec.structs.replace(job, tenant=DEMO_TENANT) for job in jobs]
