"""`textmill publish`: texts from a file, or from standard input, into the job log."""

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import typer

from producers.files import Defaults, read_jobs
from producers.publisher import CHUNK, Publisher, topic_of
from schemas.errors import DataError, UsageError
from schemas.job import DEFAULT_TENANT, Job
from schemas.task import Task

app = typer.Typer()


@app.command()
def publish(
    file: Annotated[
        str,
        typer.Argument(
            help="JSON Lines with at least `text`, or one text a line; .gz is unpacked; - is "
            "standard input."
        ),
    ],
    task: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(Task)}; may be repeated. Default: classification."),
    ] = None,
    lang: Annotated[
        str | None, typer.Option(help="zh or en, where a line does not say; else detected.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="NAME or NAME@VERSION; else the routed model.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose jobs they are.")] = DEFAULT_TENANT,
    bulk: Annotated[bool, typer.Option("--bulk", help="May wait behind interactive jobs.")] = False,
    metadata: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE kept beside each result; may be repeated.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Skip lines that are no jobs, and count them.")
    ] = False,
    print_ids: Annotated[
        bool,
        typer.Option(
            "--print-ids",
            help="Print the id of every job, one a line; all else goes to standard error.",
        ),
    ] = False,
) -> None:
    """Publish the texts of a file. Publishing it again answers nothing twice.

    A line without `job_id` gets an id made of the file's path, the line's
    number, what it asks and its metadata: the same file again gives the same
    ids, another file other ones. Standard input has no path: there the same
    text on the same line counts as the same job.

    Example: textmill publish --task sentiment --lang zh reviews.txt
    """
    tasks = list(dict.fromkeys(task or [Task.CLASSIFICATION]))
    wanted = [topic_of(each, bulk) for each in tasks]
    defaults = Defaults(lang=lang, model=model, tenant=tenant, metadata=_pairs(metadata or []))
    defaults.check()
    bad: list[DataError] = []
    jobs = read_jobs(file, defaults, bad.append if skip_bad else None)
    count, job_id = 0, ""
    with Publisher() as publisher:
        for piece in _published(publisher, jobs, tasks, bulk):
            count, job_id = count + len(piece), piece[-1].job_id
            if print_ids:
                typer.echo("\n".join(job.job_id for job in piece))
    if bad:
        typer.echo(f"Skipped {len(bad)} lines that are no jobs; the first: {bad[0]}", err=True)
    for line in _summary(count, job_id, wanted, tasks[0]):
        typer.echo(line, err=print_ids)


def _summary(count: int, job_id: str, topics: Sequence[str], task: str) -> Iterator[str]:
    where = ", ".join(topics)
    yield f"Published 1 job to {where}." if count == 1 else f"Published {count} jobs to {where}."
    if count == 1:
        yield f"Its id: {job_id}"
    yield f"Answers: `textmill results list --task {task}`, while `textmill serve` runs."


def _published(
    publisher: Publisher, jobs: Iterable[Job], tasks: list[str], bulk: bool
) -> Iterator[list[Job]]:
    """Publish piece by piece, each for every task; yields the pieces that the log has."""
    count = 0
    for piece in _pieces(jobs):
        for task in tasks:
            publisher.publish_jobs(piece, task, bulk)
        count += len(piece)
        _show_progress(f"\r{count} published")
        yield piece
    _show_progress("\r\033[K")


def _pieces(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    rest = iter(jobs)
    while piece := list(itertools.islice(rest, CHUNK)):
        yield piece


def _show_progress(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(line)
        sys.stderr.flush()


def _pairs(given: list[str]) -> dict[str, Any]:
    pairs = [pair.partition("=") for pair in given]
    if wrong := [key for key, equals, _ in pairs if not (key and equals)]:
        raise UsageError(f"--metadata takes KEY=VALUE; {wrong[0]!r} is not that.")
    return {key: value for key, _, value in pairs}
