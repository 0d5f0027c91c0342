"""Confusion tables by hand, and pictures of them in any script."""

from pathlib import Path

import numpy as np
import pytest

from models.training import confusion


def test_pairs_are_counted_by_right_and_answered_label() -> None:
    table = confusion.count([0, 0, 1, 2], [0, 2, 1, 0], ["a", "b", "c"])
    assert table.labels == ("a", "b", "c")
    assert table.counts.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_tags_are_counted_by_kind() -> None:
    gold = [["B-PER", "I-PER", "O"], ["B-LOC"]]
    said = [["B-PER", "B-PER", "B-LOC"], ["O"]]
    table = confusion.count_kinds(gold, said, ["B-LOC", "B-PER", "I-PER", "O"])
    assert table.labels == ("LOC", "O", "PER")
    assert table.counts.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 2]]


def test_of_many_labels_the_most_confused_are_kept() -> None:
    counts = np.diag(np.full(150, 9))
    counts[7, 90] = counts[90, 7] = 5
    counts[3, 4] = 1
    names = tuple(f"label {number}" for number in range(150))
    shown = confusion.most_confused(confusion.Confusion(names, counts), most=3)
    assert shown.labels == ("label 3", "label 7", "label 90")
    assert shown.counts.tolist() == [[9, 0, 0], [0, 9, 5], [0, 5, 9]]


@pytest.mark.parametrize(
    "labels",
    [("a", "b"), ("军事学", "艺术学", "$x_1$"), ("\U000f0001", "b"), tuple(map(str, range(150)))],
)
def test_every_script_gives_a_picture_without_a_warning(
    tmp_path: Path, labels: tuple[str, ...]
) -> None:
    numbers = list(range(len(labels)))
    path = tmp_path / "confusion.png"
    confusion.draw(confusion.count(numbers, numbers[::-1], labels), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_font_has_every_character() -> None:
    assert confusion.font_for("intent") == "DejaVu Sans"
    assert confusion.font_for("\U000f0001") is None
