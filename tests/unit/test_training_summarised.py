"""Texts with summaries from files."""

from pathlib import Path

import pytest

from models.training import summarised
from schemas.errors import DataError

GOOD = '{"id": "x", "text": "a long text", "summary": "a text"}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no examples"),
        (GOOD + "{oops\n", "line 2"),
        (GOOD + '{"text": "a"}\n', 'line 2: a summary is missing: give "summary"'),
        (GOOD + '{"text": " ", "summary": "a"}\n', "line 2: the text is empty"),
        (GOOD + '{"text": "a", "summary": " "}\n', "line 2: a summary is empty"),
        (GOOD + '{"text": "a", "references": ["a", ""]}\n', "line 2: a summary is empty"),
        (GOOD + '{"text": "a", "summary": 3}\n', "line 2"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        summarised.read([path])


def test_summary_and_references_are_one_list(tmp_path: Path) -> None:
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    one.write_text(GOOD + '{"text": "t", "summary": "s", "references": ["s", "r"]}\n')
    other.write_text('\n{"text": "t", "references": ["q", "r"]}\n')
    assert summarised.read([one, other]) == [
        summarised.Summarised("a long text", "a text", ("a text",)),
        summarised.Summarised("t", "s", ("s", "r")),
        summarised.Summarised("t", "q", ("q", "r")),
    ]
