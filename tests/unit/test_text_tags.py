"""Tag names: schemes, what may follow what, stretches."""

import pytest

from models.text.tags import Chunk, begins, chunks, grammar, scheme_of, synonyms_for, tags_of

BIO = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        (BIO, "bio"),
        (("B-X", "O"), "bio"),
        (("B", "E", "M", "S"), "bmes"),
        (("B", "E", "S"), "bmes"),
        (("B-N", "E-N", "S-N"), "bmes"),
        (("NOUN", "VERB"), "plain"),
        (("O", "VERB"), "plain"),
    ],
)
def test_the_scheme_is_told_by_the_names(labels: tuple[str, ...], scheme: str) -> None:
    assert scheme_of(labels) == scheme


@pytest.mark.parametrize(
    ("before", "tag", "allowed"),
    [
        (None, "I-PER", False),
        ("O", "I-PER", False),
        ("B-LOC", "I-PER", False),
        ("B-PER", "I-PER", True),
        ("I-PER", "I-PER", True),
        ("I-PER", "B-PER", True),
        (None, "O", True),
    ],
)
def test_what_may_follow_what_in_bio(before: str | None, tag: str, allowed: bool) -> None:
    assert begins(before, tag, "bio") is allowed


def test_what_may_follow_what_in_bmes() -> None:
    rules = grammar(("B", "E", "M", "S"))
    assert rules.first.tolist() == [True, False, False, True]
    assert rules.last.tolist() == [False, True, False, True]
    assert rules.moves.tolist() == [
        [False, True, True, False],
        [True, False, False, True],
        [False, True, True, False],
        [True, False, False, True],
    ]


@pytest.mark.parametrize(
    ("tags", "labels", "stretches"),
    [
        (
            ["B-PER", "I-PER", "B-PER", "O", "B-LOC"],
            BIO,
            [Chunk(0, 2, "PER"), Chunk(2, 3, "PER"), Chunk(4, 5, "LOC")],
        ),
        (
            ["S", "B", "E", "B", "M", "E"],
            ("B", "E", "M", "S"),
            [Chunk(0, 1, "WORD"), Chunk(1, 3, "WORD"), Chunk(3, 6, "WORD")],
        ),
        (["NOUN", "VERB"], ("NOUN", "VERB"), [Chunk(0, 1, "NOUN"), Chunk(1, 2, "VERB")]),
        ([], BIO, []),
    ],
)
def test_stretches_and_back(
    tags: list[str], labels: tuple[str, ...], stretches: list[Chunk]
) -> None:
    assert chunks(tags, scheme_of(labels)) == stretches
    assert tags_of(stretches, len(tags), labels) == tags


def test_synonyms_are_for_kinds_that_a_model_lacks() -> None:
    assert synonyms_for(["B-PER", "O"]) == {"person": "PER"}
    assert synonyms_for(["B-person", "B-PER", "O"]) == {}
