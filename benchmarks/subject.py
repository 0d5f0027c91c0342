"""What is measured with: texts and one model version, which Textmill and every peer are given.

Jobs name the version, so no route is touched. The texts lie in a file too, for processes that read
no topic.
"""

import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks import answers, texts
from benchmarks.processes import ROOT
from benchmarks.rig import Rig
from models import artifact
from producers import Publisher
from producers.kafka import KafkaWriter
from producers.publisher import encode
from schemas.errors import TextmillError, UsageError
from schemas.job import Job
from schemas.task import Task


class Subject(msgspec.Struct):
    """A version and texts."""

    version: Path
    """Directory of the version."""
    texts: list[str]
    lengths: list[int]
    """Tokens of each text, at most the model's longest input."""
    task: Task
    longest: int
    """The model's longest input in tokens."""
    directory: Path
    """For whatever files a part writes."""

    @property
    def file(self) -> Path:
        """The texts as a JSON array."""
        return self.directory / "texts.json"

    def about(self) -> dict[str, float]:
        """Lengths in tokens, for a result."""
        ascending = sorted(self.lengths)
        return {
            "p50": ascending[len(ascending) // 2],
            "p90": ascending[len(ascending) * 9 // 10],
            "mean": round(sum(ascending) / len(ascending), 1),
        }


@contextmanager
def subject(
    count: int, docs: Path | None = None, model: Path | None = None, *, uniform: bool = False
) -> Iterator[Subject]:
    """Make or read what is to be measured with.

    Args:
        count: of texts.
        docs: a file of texts; None: the mix.
        model: directory of a version for classification or sentiment; None: the reference model.
        uniform: texts of the model's longest input each, instead of the mix.

    Raises:
        UsageError: the version answers something else than a label.
        TextmillError: a file is not what it should be.
    """
    with TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        version = model.resolve() if model else _reference(directory / "version")
        manifest = artifact.verify(version)
        if manifest.task not in {Task.CLASSIFICATION, Task.SENTIMENT} or manifest.further:
            raise UsageError(f"{version} must answer classification or sentiment, nothing else.")
        lengths = texts.Lengths(version / artifact.TOKENIZER)
        found = _texts(count, docs, lengths if uniform else None, manifest.max_length)
        subject = Subject(
            version=version,
            texts=found,
            lengths=[min(size, manifest.max_length) for size in lengths.of(found)],
            task=manifest.task,
            longest=manifest.max_length,
            directory=directory,
        )
        subject.file.write_bytes(msgspec.json.encode(found))
        yield subject


def register(rig: Rig, version: Path) -> str:
    """Enter the version; returns `name@number`, for jobs to name."""
    from workers.assembly import Store

    manifest = artifact.verify(version)
    with Store(rig.settings) as store:
        entered = store.registry.register(manifest, artifact.digest(manifest), version)
    return str(entered)


def new_run(name: str) -> str:
    """A name for one run that no other has."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def jobs(run: str, found: Iterable[str], model: str | None) -> Iterator[Job]:
    """The run's jobs; the run's name is their bulk id."""
    for number, text in enumerate(found):
        identity = answers.job_id(run, number)
        yield Job(job_id=identity, text=text, lang="en", model=model, bulk_id=run)


def publish(
    rig: Rig, run: str, found: Sequence[str], model: str | None, task: Task, bulk: bool = False
) -> None:
    """Put the run's jobs on the log."""
    with Publisher(rig.settings) as publisher:
        publisher.publish_jobs(jobs(run, found, model), task, bulk)


def publish_to(topic: str, rig: Rig, run: str, found: Sequence[str]) -> None:
    """Put the same jobs on a topic of another name, for peers."""
    writer = KafkaWriter(rig.settings.kafka)
    try:
        writer.append(topic, [encode(job) for job in jobs(run, found, None)])
    finally:
        writer.close()


def _texts(count: int, docs: Path | None, exact: texts.Lengths | None, longest: int) -> list[str]:
    if docs is not None:
        return texts.documents(docs, count)
    return texts.uniform(count, exact, longest) if exact else texts.mix(count)


def _reference(directory: Path) -> Path:
    command = [sys.executable, "-m", "benchmarks.reference_model", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TextmillError(f"The reference model could not be made: {done.stderr[-1000:]}")
    return directory
