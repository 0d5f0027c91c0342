"""Tagging from end to end: texts in, spans in the views, each a slice of its own text."""

import json

from tests.acceptance.running import Installation, write_lines

SECONDS = 180
ZH, EN = "王建国　在北京大学工作。", "Maria Lopez lives in Toronto…  ﬁne!"
ASKED = {
    "names-zh": {"text": ZH},
    "names-en": {"text": EN},
    "words-zh": {"text": ZH, "model": "words-zh"},
    "pos-en": {"text": EN, "model": "pos-en"},
    "nothing": {"text": "what time is it", "lang": "en"},
}
SPANS = "SELECT span_start, span_end, span_label, span_text FROM tag_span WHERE job_id = :job"


def test_spans_are_found_and_looked_up(embedded: Installation) -> None:
    lines = [json.dumps({"job_id": name, **job}) for name, job in ASKED.items()]
    path = write_lines(embedded.directory / "jobs.jsonl", lines)
    embedded.run("publish", "--task", "tagging", str(path))
    embedded.start("serve")
    embedded.wait_until_settled(len(ASKED), SECONDS)
    answered = embedded.sql("SELECT job_id, model FROM tagging ORDER BY job_id")
    assert dict(map(tuple, answered)) == {
        "names-zh": "ner-zh",
        "names-en": "ner-en",
        "words-zh": "words-zh",
        "pos-en": "pos-en",
        "nothing": "ner-en",
    }
    found = {name: embedded.sql(SPANS, job=name) for name in ASKED}
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
