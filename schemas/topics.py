"""The names of the Kafka topics, which are a contract with every producer."""

from schemas.task import Task

INTERACTIVE_PREFIX = "textmill.jobs."
BULK_PREFIX = "textmill.bulk."
RESULT_PREFIX = "textmill.results."
DEAD_LETTERS = "textmill.dead-letters"
_TASKS = {task.value: task for task in Task}
JOB_TOPICS_PATTERN = r"^textmill\.(jobs|bulk)\.[a-z0-9_-]+$"


def interactive(task: Task) -> str:
    """Topic of jobs that somebody waits for."""
    return INTERACTIVE_PREFIX + task


def bulk(task: Task) -> str:
    """Topic of jobs that may take their time; kept apart so that a flood never stands in front."""
    return BULK_PREFIX + task


def results(task: Task) -> str:
    """Topic of answers, where they are told as a stream."""
    return RESULT_PREFIX + task


JOB_TOPICS: tuple[str, ...] = tuple(f(task) for f in (interactive, bulk) for task in Task)
RESULT_TOPICS: tuple[str, ...] = tuple(results(task) for task in Task)


def all_topics(*, stream: bool) -> tuple[str, ...]:
    """The topics that an installation needs.

    Args:
        stream: whether it tells results as a stream.
    """
    return (*JOB_TOPICS, DEAD_LETTERS, *(RESULT_TOPICS if stream else ()))


def is_bulk(topic: str) -> bool:
    """Whether the topic carries bulk work."""
    return topic.startswith(BULK_PREFIX)


def task_of(topic: str) -> Task | None:
    """The task that a job topic implies; None for a topic of no known task."""
    name = topic.removeprefix(INTERACTIVE_PREFIX).removeprefix(BULK_PREFIX)
    return _TASKS.get(name)
