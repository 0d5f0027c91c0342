"""From texts to the views: spans, each a slice of its own text, dialogues by their history, and one
text that a joint version answers for several tasks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.acceptance.conftest import STARTERS
from tests.acceptance.running import Installation, write_lines
from tests.dialogues import FLIGHT_LAST, HOTEL_LAST

SECONDS = 180
ZH, EN = "王建国　在北京大学工作。", "Maria Lopez lives in Toronto…  ﬁne!"
ANSWERING = "intent-en,ner-en,ner-zh,pos-en,sentiment-en,words-zh"
ASKED = {
    "names-zh": {"text": ZH},
    "names-en": {"text": EN},
    "words-zh": {"text": ZH, "model": "words-zh"},
    "pos-en": {"text": EN, "model": "pos-en"},
    "nothing": {"text": "what time is it", "lang": "en"},
}
SPOKEN = {
    "hotel": {"text": "cancel it please", "model": "orders", "context": HOTEL_LAST},
    "flight": {"text": "cancel it please", "model": "orders", "context": FLIGHT_LAST},
}
SPANS = "SELECT span_start, span_end, span_label, span_text FROM tag_span WHERE job_id = :job"


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory, orders: Path) -> Iterator[Installation]:
    """An installation that has answered all jobs."""
    with Installation(tmp_path_factory.mktemp("answered")) as embedded:
        embedded.settings[STARTERS] = ANSWERING
        embedded.run("models", "register", str(orders))
        for task, jobs in (("tagging", ASKED), ("classification", SPOKEN)):
            lines = [json.dumps({"job_id": name, **job}) for name, job in jobs.items()]
            path = write_lines(embedded.directory / f"{task}.jsonl", lines)
            embedded.run("publish", "--task", task, str(path))
        embedded.start("serve")
        embedded.wait_until_settled(len(ASKED) + len(SPOKEN), SECONDS)
        yield embedded


def test_the_same_text_is_answered_by_its_history(answered: Installation) -> None:
    labels = answered.sql("SELECT job_id, label FROM classification")
    assert dict(map(tuple, labels)) == {"hotel": "cancel_hotel", "flight": "cancel_flight"}


def test_spans_are_found_and_looked_up(answered: Installation) -> None:
    models = answered.sql("SELECT job_id, model FROM tagging")
    assert dict(map(tuple, models)) == {
        "names-zh": "ner-zh",
        "names-en": "ner-en",
        "words-zh": "words-zh",
        "pos-en": "pos-en",
        "nothing": "ner-en",
    }
    found = {name: answered.sql(SPANS, job=name) for name in ASKED}
    for name, spans in found.items():
        for start, end, _, text in spans:
            assert ASKED[name]["text"][start:end] == text
    assert {(label, text) for *_, label, text in found["names-en"]} >= {
        ("PER", "Maria Lopez"),
        ("LOC", "Toronto"),
    }
    assert ("PER", "王建国") in {(label, text) for *_, label, text in found["names-zh"]}
    assert "".join(text for *_, text in found["words-zh"]) == ZH.replace("　", "")
    assert [text for *_, text in found["pos-en"]][-3:] == ["…", "ﬁne", "!"]
    assert found["nothing"] == []


JOINT = "import sys; from pathlib import Path; from tests.models import joint_version as joint; "
JOINT += "joint.write(Path(sys.argv[1]))"
TASKS = ("classification", "sentiment", "tagging")


def test_one_text_has_a_row_for_each_task_that_a_joint_version_answers(
    answered: Installation, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-c", JOINT, tmp_path], check=True, capture_output=True)
    answered.run("models", "register", str(tmp_path / "v"), "--route", "--force")
    samples = json.loads((tmp_path / "v" / "manifest.json").read_bytes())["samples"]
    text = samples[0]["text"]
    wanted = {one["task"]: one["prediction"] for one in samples if one["text"] == text}
    numbers = count()
    rows = " UNION ALL ".join(f"SELECT model FROM {task} WHERE job_id = :job" for task in TASKS)

    def routed() -> str:
        """Ask once more; return the job that the joint version was the default for."""
        job = f"joint-{next(numbers)}"
        line = json.dumps({"job_id": job, "text": text, "lang": "en"})
        answered.run(
            "publish", *(word for one in TASKS for word in ("--task", one)), "-", given=line
        )
        answered.wait_for(job, lambda: len(answered.sql(rows, job=job)) == len(TASKS), SECONDS)
        return job if {model for (model,) in answered.sql(rows, job=job)} == {"joint"} else ""

    job = answered.wait_for("the new route", routed, SECONDS)
    for task in TASKS[:2]:
        ((label,),) = answered.sql(f"SELECT label FROM {task} WHERE job_id = :job", job=job)
        assert label == wanted[task]["label"]
    spans = [(one["start"], one["end"], one["label"]) for one in wanted["tagging"]["spans"]]
    assert [tuple(row[:3]) for row in answered.sql(SPANS, job=job)] == spans != []
