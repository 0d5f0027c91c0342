"""A canary of a worse version is taken back by itself, one of an equal version promoted, on real
services under a stream of jobs; both stand in the history with their evidence."""

import json
import shutil
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from models import artifact
from schemas.model_version import Manifest
from schemas.prediction import Prediction
from tests.acceptance.conftest import STARTERS
from tests.acceptance.running import Installation
from workers import starters

SECONDS = 240
GUARDED = {
    "TEXTMILL_ROLLOUT__AUTOMATIC": "true",
    "TEXTMILL_ROLLOUT__MIN_SAMPLES": "60",
    "TEXTMILL_ROLLOUT__MAX_ERROR_RISE": "0.1",
    "TEXTMILL_ROLLOUT__MAX_LATENCY_RATIO": "50",  # the machine may be busy
    "TEXTMILL_ROLLOUT__CHECK_S": "1",
}
SAID = ("I love this", "this is awful", "the table is brown", "what a joy", "never again")


def derived(folder: Path, card: str, changed: Callable[[Manifest], Manifest]) -> Path:
    """The English sentiment starter, made into another version, without its builds."""
    original = next(path for path in starters.directories() if path.name == "sentiment-en")
    parts = folder / f"{card}.parts"
    shutil.copytree(original, parts)
    (parts / artifact.CARD).write_text(card)
    manifest = msgspec.structs.replace(
        changed(artifact.read_manifest(original)), builds=UNSET, allowed_loss=UNSET
    )
    members = {name: parts / name for name in artifact.MEMBERS}
    artifact.save(folder / card, manifest, members)
    return folder / card


def with_wrong_labels(manifest: Manifest) -> Manifest:
    """The same network, each of whose labels is called as the next one."""
    labels = manifest.labels
    turned = dict(zip(labels, (*labels[1:], labels[0]), strict=True))

    def said(one: Prediction) -> Prediction:
        scores = {turned[label]: score for label, score in one.scores.items()}
        return msgspec.structs.replace(one, label=turned[one.label or ""], scores=scores)

    samples = tuple(
        msgspec.structs.replace(one, prediction=said(one.prediction)) for one in manifest.samples
    )
    wrong = tuple(turned[label] for label in labels)
    return msgspec.structs.replace(manifest, labels=wrong, samples=samples)


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


@pytest.mark.timeout(900)
def test_a_worse_canary_goes_back_and_an_equal_one_is_promoted(
    real: Installation, tmp_path: Path
) -> None:
    real.settings |= GUARDED | {STARTERS: "sentiment-en"}
    real.start("serve")
    routed = "SELECT count(*) FROM route WHERE task = 'sentiment' AND lang = 'en'"
    real.wait_for("the starters are entered", lambda: real.one(routed), SECONDS)
    worse = derived(tmp_path, "worse", with_wrong_labels)
    equal = derived(tmp_path, "equal", lambda manifest: manifest)
    for path in (worse, equal):
        real.run("models", "register", str(path), seconds=SECONDS)
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
