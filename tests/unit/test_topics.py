"""Topic names are a contract with every producer."""

import re

import pytest

from schemas import topics
from schemas.task import Task


def test_the_names_are_these() -> None:
    assert topics.interactive(Task.SENTIMENT) == "textmill.jobs.sentiment"
    assert topics.bulk(Task.TAGGING) == "textmill.bulk.tagging"
    assert topics.DEAD_LETTERS == "textmill.dead-letters"
    assert topics.results(Task.TAGGING) == "textmill.results.tagging"
    assert len(set(topics.all_topics(stream=False))) == 2 * len(Task) + 1
    assert len(set(topics.all_topics(stream=True))) == 3 * len(Task) + 1


@pytest.mark.parametrize("task", Task)
def test_a_topic_implies_its_task(task: Task) -> None:
    assert topics.task_of(topics.interactive(task)) is task
    assert topics.task_of(topics.bulk(task)) is task
    assert topics.is_bulk(topics.bulk(task))
    assert not topics.is_bulk(topics.interactive(task))


@pytest.mark.parametrize("topic", ["", "textmill.jobs.", "textmill.jobs.poetry", "other.sentiment"])
def test_other_topics_imply_none(topic: str) -> None:
    assert topics.task_of(topic) is None


def test_the_pattern_takes_all_job_topics_and_no_others() -> None:
    assert all(re.match(topics.JOB_TOPICS_PATTERN, topic) for topic in topics.JOB_TOPICS)
    assert not re.match(topics.JOB_TOPICS_PATTERN, topics.DEAD_LETTERS)
    assert not any(re.match(topics.JOB_TOPICS_PATTERN, topic) for topic in topics.RESULT_TOPICS)
    assert topics.task_of(topics.DEAD_LETTERS) is None
