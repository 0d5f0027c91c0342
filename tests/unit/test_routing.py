"""Which version answers: the one that is named, else the routed one."""

import pytest

from schemas.errors import InvalidJobError
from schemas.task import Task
from tests.unit.examples import version
from workers.core.routing import Routing

OLD = version(1, version=1, state="retired")
LIVE = version(2, version=2, state="live")
NEW = version(3, version=3, state="registered")
TOPIC = version(4, name="topic", version=1, task=Task.CLASSIFICATION)
JOINT = version(8, name="joint", task=Task.TAGGING, further=(Task.SENTIMENT,))
DRAFTS = [version(n, name="draft", version=n, state="registered") for n in (7, 5)]
ROUTING = Routing([OLD, LIVE, NEW, TOPIC, JOINT, *DRAFTS], {(Task.SENTIMENT, "en"): LIVE})


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (None, LIVE),
        ("mood", LIVE),
        ("mood@1", OLD),
        ("mood@3", NEW),
        ("draft", DRAFTS[0]),
        ("joint", JOINT),
    ],
)
def test_a_reference_means_one_version(reference: str | None, found: object) -> None:
    assert ROUTING.resolve(Task.SENTIMENT, "en", reference) is found


@pytest.mark.parametrize(
    ("task", "language", "reference", "reason"),
    [
        (Task.SENTIMENT, "en", "mood@9", "unknown_model"),
        (Task.SENTIMENT, "en", "nobody", "unknown_model"),
        (Task.SENTIMENT, "en", "topic", "wrong_model"),
        (Task.CLASSIFICATION, "en", "joint", "wrong_model"),
        (Task.SENTIMENT, "zh", None, "no_model"),
        (Task.TAGGING, "en", None, "no_model"),
    ],
)
def test_a_wrong_reference_has_its_reason(task, language, reference, reason) -> None:
    with pytest.raises(InvalidJobError) as refusal:
        ROUTING.resolve(task, language, reference)
    assert refusal.value.reason == reason


def test_a_name_means_the_newest_live_version() -> None:
    newer = version(5, version=5, state="live")
    for order in ([LIVE, newer, NEW], [newer, NEW, LIVE]):
        assert Routing(order, {}).resolve(Task.SENTIMENT, "en", "mood") is newer
