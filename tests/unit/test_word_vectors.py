"""Word vectors from text files of three formats."""

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.training.word_vectors import read, start
from schemas.errors import DataError, SettingsError

SPELLINGS = {"[PAD]": 0, "[UNK]": 1, "good": 2, "paris": 3, "好": 4, "rare": 5}
GLOVE = "the 9 9 9\nParis 1 2 3\ngood 4 5 6\nparis 7 8 9\nGood 0 0 0\n. . . 1 1 1\n好 0.5 1e-1 -2\n"


class Layer:
    def __init__(self, size: int) -> None:
        self.weights = np.random.default_rng(0).normal(size=(6, size)).astype(np.float32)

    def get_weights(self) -> list[Any]:
        return [self.weights.copy()]

    def set_weights(self, weights: list[Any]) -> None:
        (self.weights,) = weights


def network(size: int) -> Any:
    layer = Layer(size)
    return SimpleNamespace(get_layer=lambda name: {"tokens": layer}[name], layer=layer)


@pytest.mark.parametrize("head", ["", "6 3\n"], ids=["GloVe", "word2vec"])
@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz"])
def test_the_known_words_are_read(tmp_path: Path, head: str, name: str) -> None:
    content = (head + GLOVE).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = read(tmp_path / name, SPELLINGS)
    assert found.known.tolist() == [False, False, True, True, True, False]
    assert found.vectors[2:5].tolist() == [[4, 5, 6], [7, 8, 9], [0.5, np.float32(0.1), -2]]


def test_a_folded_word_serves_where_no_other_does(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("PARIS 1 2\nParis 3 4\n")
    assert read(tmp_path / "v.txt", SPELLINGS).vectors[3].tolist() == [1, 2]


def test_a_network_starts_with_them_and_says_how_many_it_knows(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text(GLOVE)
    made = network(3)
    before = made.layer.get_weights()[0]
    tokenizer = SimpleNamespace(spellings=SPELLINGS)
    assert start(made, tokenizer, tmp_path / "v.txt") == 0.5
    (after,) = made.layer.get_weights()
    assert after[3].tolist() == [7, 8, 9]
    ratio = after[[0, 1, 5]] / before[[0, 1, 5]]
    assert ratio.std() < 1e-5
    assert ratio.mean() == pytest.approx(after[2:5].std() / before.std(), rel=1e-4)


def test_another_size_is_refused_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text(GLOVE)
    with pytest.raises(SettingsError, match="set embedding = 3"):
        start(network(4), SimpleNamespace(spellings=SPELLINGS), tmp_path / "v.txt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "none of its words"),
        ("le 1 2\nla 3 4\n", "another language"),
        ("good 1 2\nparis 1\n", "line 2: not a word and 2 numbers"),
        ("good 1 x\n", "line 1: could not convert"),
        ("good 1 nan\n", "line 1: a number that is not finite"),
        ("<html>\n", "line 1: not a word"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "v.txt").write_text(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "v.txt", SPELLINGS)
