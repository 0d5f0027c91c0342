"""Tagged sentences from files, and their scores."""

import json
from pathlib import Path

import pytest

from models.training import tagged
from models.training.tag_metrics import deciding, tag_scores
from schemas.errors import DataError


def _line(tokens: str, tags: str) -> str:
    return json.dumps({"id": "x", "tokens": tokens.split(), "tags": tags.split()}) + "\n"


GOOD = _line("Ann is in Rome", "B-PER O O B-LOC")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no examples"),
        (GOOD + "{oops\n", "line 2"),
        (GOOD + '{"tokens": ["a"]}\n', "line 2.*tags"),
        (GOOD + _line("a b", "O"), "line 2: 2 tokens but 1 tags"),
        (GOOD + _line("", ""), "line 2: a sentence without tokens"),
        (GOOD + _line("a b", "O I-PER"), "line 2: tag 2 is I-PER after O"),
        (GOOD + _line("a b", "I-LOC O"), "line 2: tag 1 is I-LOC at the beginning"),
        (GOOD + _line("a b", "B-LOC I-PER"), "line 2: tag 2 is I-PER after B-LOC"),
        (_line("a b", "B E") + _line("a b", "S B"), "line 2: the last tag is B"),
        (_line("a b", "B E") + _line("a b", "B S"), "line 2: tag 2 is S after B"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        tagged.read([path])


def test_kinds_are_renamed_and_files_joined(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(GOOD)
    (tmp_path / "b.jsonl").write_text(_line("Bob Lee", "B-person I-person"))
    read = tagged.read([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], {"person": "PER"})
    assert [sentence.tags for sentence in read] == [
        ("B-PER", "O", "O", "B-LOC"),
        ("B-PER", "I-PER"),
    ]
    assert tagged.labels_of(read, []) == ("B-LOC", "B-PER", "I-PER", "O")
    assert tagged.known(read, ["B-PER", "I-PER"], tmp_path) == [read[1]]


def test_one_tag_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two tags"):
        tagged.labels_of([tagged.Sentence(("a",), ("O",))], [tmp_path])
    with pytest.raises(DataError, match="none of its tags"):
        tagged.known([tagged.Sentence(("a",), ("O",))], ["NOUN"], tmp_path)


def test_entities_count_only_when_whole() -> None:
    labels = ["B-LOC", "B-PER", "I-PER", "O"]
    got = tag_scores(
        [["B-PER", "I-PER", "O", "B-LOC"], ["O", "O"]],
        [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "O"]],
        labels,
    )
    assert got == {
        "accuracy": pytest.approx(4 / 6),
        "entity_precision": pytest.approx(1 / 3),
        "entity_recall": pytest.approx(1 / 2),
        "entity_f1": pytest.approx(2 / 5),
    }
    assert deciding(labels) == "entity_f1"


def test_words_and_plain_tags_have_their_scores() -> None:
    words = tag_scores([["B", "E", "S"]], [["S", "S", "S"]], ["B", "E", "M", "S"])
    assert (words["accuracy"], words["word_f1"]) == (pytest.approx(1 / 3), pytest.approx(2 / 5))
    plain = tag_scores([["N", "V"]], [["N", "N"]], ["N", "V"])
    assert (plain["accuracy"], deciding(["N", "V"])) == (0.5, "accuracy")
