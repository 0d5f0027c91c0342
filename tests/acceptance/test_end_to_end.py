"""From texts to the views: spans, each a slice of its own text, and dialogues by their history."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.running import Installation, write_lines
from tests.dialogues import FLIGHT_LAST, HOTEL_LAST

SECONDS = 180
ZH, EN = "王建国　在北京大学工作。", "Maria Lopez lives in Toronto…  ﬁne!"
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
