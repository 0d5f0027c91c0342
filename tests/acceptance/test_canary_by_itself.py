"""A canary of a worse version is taken back by itself, one of an equal version promoted, on real
services under a stream of jobs; both stand in the history with their evidence. And what one version
answered is answered again by another."""

import json
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest

from tests.acceptance.conftest import STARTERS, Servers, on_servers
from tests.acceptance.running import Installation
from tests.acceptance.versions import called_next, variant, with_wrong_labels

pytestmark = pytest.mark.timeout(600)
SECONDS = 240
GUARDED = {
    "TEXTMILL_ROLLOUT__AUTOMATIC": "true",
    "TEXTMILL_ROLLOUT__MIN_SAMPLES": "60",
    "TEXTMILL_ROLLOUT__MAX_ERROR_RISE": "0.1",
    "TEXTMILL_ROLLOUT__MAX_LATENCY_RATIO": "50",  # the machine may be busy
    "TEXTMILL_ROLLOUT__CHECK_S": "1",
}
MODEL = "sentiment-en"
AGAIN = 50
NEXT = called_next(MODEL)
"""What the worse version calls each label."""
SAID = ("I love this", "this is awful", "the table is brown", "what a joy", "never again")


def judged(real: Installation, numbers: "count[int]", reference: str) -> dict[str, Any]:
    """Make a version the canary, publish until it is judged; what the history says of that."""
    real.run("models", "canary", reference, "--weight", "0.5", seconds=SECONDS)

    def event() -> dict[str, Any] | None:
        lines = [
            json.dumps({"text": f"{SAID[number % len(SAID)]} {number}", "lang": "en"})
            for number in islice(numbers, 80)
        ]
        real.run("publish", "--task", "sentiment", "-", given="\n".join(lines))
        events = json.loads(real.run("models", "history", reference, "--json").stdout)
        return next((one for one in events if one["actor"] == "guard"), None)

    found: dict[str, Any] = real.wait_for(f"{reference} is judged", event, SECONDS)
    return found


@pytest.fixture(scope="module")
def real(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One that serves `sentiment-en` and knows two more versions: a worse and an equal one."""
    folder = tmp_path_factory.mktemp("judged")
    with on_servers(servers, folder) as installation:
        installation.settings |= GUARDED | {STARTERS: MODEL}
        installation.start("serve")
        routed = "SELECT count(*) FROM route WHERE task = 'sentiment' AND lang = 'en'"
        installation.wait_for("the starters", lambda: installation.one(routed), SECONDS)
        made = with_wrong_labels(MODEL, folder / "worse"), variant(MODEL, folder / "equal")
        for path in made:
            installation.run("models", "register", str(path), seconds=SECONDS)
        yield installation


def test_a_worse_canary_goes_back_and_an_equal_one_is_promoted(real: Installation) -> None:
    numbers = count()

    back = judged(real, numbers, "sentiment-en@2")
    assert back["action"] == "rollback"
    assert "agreement" in back["reason"]
    assert back["evidence"]["evidence"]["alike"] < 0.2 * back["evidence"]["evidence"]["pairs"]

    ahead = judged(real, numbers, "sentiment-en@3")
    assert (ahead["action"], ahead["from"], ahead["to"]) == (
        *("promote", "sentiment-en@1", "sentiment-en@3"),
    )
    assert ahead["evidence"]["evidence"]["canary"]["errors"] == 0
    (live,) = real.sql(
        "SELECT version FROM route JOIN model_version ON model_version.id = model_version_id "
        "WHERE route.task = 'sentiment' AND lang = 'en'"
    )
    assert tuple(live) == (3,)
    real.wait_until_settled(next(numbers), SECONDS)
    assert real.one("SELECT count(*) FROM ending") == 0
    compared = real.run("models", "compare", "sentiment-en@1", "sentiment-en@3", "--json").stdout
    agreement = json.loads(compared)["agreement"]
    assert agreement["pairs"] >= 60
    assert agreement["label_agreement"] == 1


def test_answers_of_one_version_are_asked_of_another_and_stand_when_applied(
    real: Installation,
) -> None:
    lines = [
        {"job_id": f"again-{n}", "text": f"{SAID[n % len(SAID)]} {n}", "model": f"{MODEL}@1"}
        for n in range(AGAIN)
    ]
    given = "\n".join(json.dumps(line | {"lang": "en"}) for line in lines)
    real.run("publish", "--task", "sentiment", "-", given=given)
    mine = "FROM sentiment WHERE job_id LIKE 'again-%' AND version = :version"
    real.wait_for(
        "answers", lambda: real.one(f"SELECT count(*) {mine}", version=1) == AGAIN, SECONDS
    )
    before = dict(map(tuple, real.sql(f"SELECT job_id, label {mine}", version=1)))
    words = ("--from", f"{MODEL}@1", "--to", f"{MODEL}@2", "--where", "job_id~again-", "--json")

    done = real.run("bulk", "rerun", *words, "--wait", seconds=SECONDS)
    report = json.loads(done.stdout)
    assert (report["state"], report["changes"]["pairs"], report["applied"]) == ("done", AGAIN, 0)
    assert report["changes"]["changed"] == AGAIN, "each label is called as the next one"
    told = {(one["from"], one["to"]): one["count"] for one in report["changes"]["confusion"]}
    assert all(NEXT[old] == new for old, new in told)
    assert real.one(f"SELECT count(*) {mine}", version=1) == AGAIN, "unseen until applied"

    for _ in range(2):  # safe to repeat
        real.run("bulk", "rerun", *words, "--apply", seconds=SECONDS)
        after = dict(map(tuple, real.sql(f"SELECT job_id, label {mine}", version=2)))
        assert after == {job: NEXT[label] for job, label in before.items()}
        assert real.one(f"SELECT count(*) {mine}", version=1) == 0
