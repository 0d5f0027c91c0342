"""Which rows of a bulk job need no computing: an earlier job has the answer that they would get.

An answer serves a row when it is to the same text, in the same language, by the version to which
the row's own job would be sent now, for each task that is asked. All of a row's answers are those
of one earlier row.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.text.language import detect
from schemas.errors import InvalidJobError
from schemas.job import Job
from schemas.task import Task
from workers.core.routing import Routing


class Given(NamedTuple):
    """Who gave an answer, and in which language it took the text to be."""

    version_id: int
    lang: str


def served(
    asked: Sequence[tuple[int, Job, bytes]],
    tasks: Sequence[Task],
    candidates: Mapping[bytes, Sequence[str]],
    given: Mapping[tuple[str, Task], Given],
    routing: Routing,
) -> dict[int, str]:
    """The rows that an earlier answer serves, and the job whose it is.

    Args:
        asked: rows whose text is new in their bulk job, the jobs they would be, and the digests of
            their texts.
        tasks: that are asked of each.
        candidates: by the digest of a text, earlier jobs that had it, the best first.
        given: the answers that stand to those, by job and task.
        routing: of this moment.
    """
    found: dict[int, str] = {}
    for row, job, digest in asked:
        if not (earlier := candidates.get(digest)):
            continue
        if wanted := _wanted(job, tasks, routing):
            serves = (job_id for job_id in earlier if _is(wanted, job_id, given))
            if (job_id := next(serves, None)) is not None:
                found[row] = job_id
    return found


def _wanted(job: Job, tasks: Sequence[Task], routing: Routing) -> dict[Task, Given] | None:
    """What would answer the job now; None: one of its tasks would get no answer."""
    lang = job.lang or detect(job.text)
    try:
        return {
            task: Given(routing.resolve(task, lang, job).version.version_id, lang) for task in tasks
        }
    except InvalidJobError:
        return None


def _is(wanted: Mapping[Task, Given], job_id: str, given: Mapping[tuple[str, Task], Given]) -> bool:
    return all(given.get((job_id, task)) == one for task, one in wanted.items())
