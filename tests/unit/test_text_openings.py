"""Phrases that only tie a sentence to its surroundings."""

import pytest

from models.text.openings import without_opening


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("In this paper, we show it.", "We show it."),
        ("In this work we show it.", "We show it."),
        ("However, in this short paper, a tool is shown.", "A tool is shown."),
        ("To address this issue, we try.", "We try."),
        ("In this paper a tool is shown.", "In this paper a tool is shown."),
        ("However it is done, it helps.", "However it is done, it helps."),
        ("We show, however, nothing.", "We show, however, nothing."),
        ("To address hunger, eat.", "To address hunger, eat."),
        ("Thus,", "Thus,"),
    ],
)
def test_openings_go_and_nothing_else(sentence: str, expected: str) -> None:
    assert without_opening(sentence) == expected
