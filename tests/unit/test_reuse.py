"""Which earlier answers serve which rows: all that decides is in the arguments."""

import pytest

from schemas.job import Job
from schemas.task import Task
from tests.unit.examples import route, version
from workers.core.reuse import Given, served
from workers.core.routing import Routing
from workers.desired import Route, RouteKey

OLD = version(1, version=1, state="retired")
LIVE = version(2, version=2, state="live")
NEW = version(3, version=3, state="registered")
ROUTING = Routing([OLD, LIVE, NEW], [route(LIVE)])
SENTIMENT = (Task.SENTIMENT,)


def job(number: int = 1, **fields: str) -> Job:
    return Job(job_id=f"june-{number}", text="good", **fields)


@pytest.mark.parametrize(
    ("fields", "given", "found"),
    [
        ({}, {"may-1": Given(2, "en")}, "may-1"),
        ({}, {"may-1": Given(1, "en")}, None),
        ({"model": "mood@1"}, {"may-1": Given(1, "en")}, "may-1"),
        ({"model": "mood@9"}, {"may-1": Given(2, "en")}, None),
        ({"model": "mood@2", "lang": "zh"}, {"may-1": Given(2, "en")}, None),
        ({"model": "mood@2", "lang": "zh"}, {"may-1": Given(2, "zh")}, "may-1"),
        ({"lang": "zh"}, {"may-1": Given(2, "zh")}, None),  # nothing is routed there
        ({}, {"may-1": Given(1, "en"), "may-2": Given(2, "en")}, "may-2"),
        ({}, {}, None),
    ],
)
def test_the_version_and_the_language_must_be_those_of_now(fields, given, found) -> None:
    answers = {(job_id, Task.SENTIMENT): one for job_id, one in given.items()}
    candidates = {b"good": ["may-1", "may-2"]}
    said = served([(7, job(**fields), b"good")], SENTIMENT, candidates, answers, ROUTING)
    assert said == ({} if found is None else {7: found})


def test_all_tasks_are_served_by_one_row() -> None:
    tasks = (Task.SENTIMENT, Task.TAGGING)
    joint = version(2, version=2, state="live", further=(Task.TAGGING,))
    tagging = Route(key=RouteKey(Task.TAGGING, "en"), live=joint)
    routing = Routing([joint], [route(joint), tagging])
    answers = {("may-1", tasks[0]): Given(2, "en"), ("may-2", tasks[1]): Given(2, "en")}
    asked, candidates = [(7, job(), b"good")], {b"good": ["may-1", "may-2"]}

    assert served(asked, tasks, candidates, answers, routing) == {}
    answers[("may-2", tasks[0])] = Given(2, "en")
    assert served(asked, tasks, candidates, answers, routing) == {7: "may-2"}


def test_rows_of_a_canary_are_served_by_its_answers() -> None:
    routing = Routing([LIVE, NEW], [route(LIVE, canary=NEW, canary_weight=0.5)])
    asked = [(number, job(number), b"good") for number in range(400)]
    both = {"may-1": Given(2, "en"), "may-2": Given(3, "en")}
    answers = {(job_id, Task.SENTIMENT): one for job_id, one in both.items()}

    said = served(asked, SENTIMENT, {b"good": [*both]}, answers, routing)
    assert len(said) == 400
    for number, one, _ in asked:
        arm = routing.resolve(Task.SENTIMENT, "en", one).arm
        assert said[number] == ("may-2" if arm == "canary" else "may-1")
    assert set(said.values()) == {*both}
