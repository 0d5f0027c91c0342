"""Beam search, against every sequence there is of a toy decoder."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.layers.beam_search import END, Found, Limits, search

WORDS = 4  # END and three more
WIDE = 90  # beams enough to forget nothing


def _tables(rows: int, seed: int = 3) -> np.ndarray:
    """What each row's decoder says after the last two words: log P [rows, words, words, words]."""
    scores = np.random.default_rng(seed).normal(size=(rows, WORDS, WORDS, WORDS)) * 2
    scores -= np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return scores.astype("float32")


def _search(tables: np.ndarray, limits: Limits) -> Found:
    def step(before: Any, state: Any) -> tuple[Any, Any]:
        table, earlier = state
        rows = tf.gather(table, earlier, batch_dims=2)
        return tf.gather(rows, before, batch_dims=2), (table, before)

    @tf.function(input_signature=[tf.TensorSpec([None, WORDS, WORDS, WORDS])])
    def run(tables: Any) -> Any:
        batch = tf.shape(tables)[0]
        return tuple(search(step, (tables, tf.fill([batch], END)), batch, limits))

    return Found(*(array.numpy() for array in run(tables)))


def _all(limits: Limits) -> Iterator[tuple[int, ...]]:
    for length in range(limits.shortest, limits.longest + 1):
        for words in product(range(1, WORDS), repeat=length):
            size = limits.ngram
            grams = [words[at : at + size] for at in range(length - size + 1)] if size else []
            if len(set(grams)) == len(grams):
                yield (*words, END)


def _total(table: np.ndarray, words: tuple[int, ...]) -> float:
    before = (END, END, *words)
    return float(sum(table[before[at], before[at + 1], word] for at, word in enumerate(words)))


@pytest.mark.parametrize(
    "limits",
    [
        Limits(WIDE, 1, 4, length_power=0.0, ngram=0),
        Limits(WIDE, 1, 4, length_power=1.0, ngram=1),
        Limits(WIDE, 2, 4, length_power=0.6, ngram=2),
        Limits(WIDE, 3, 3, length_power=1.0, ngram=0),
    ],
    ids=str,
)
def test_wide_enough_it_finds_the_best_of_all(limits: Limits) -> None:
    tables = _tables(4)
    found = _search(tables, limits)
    for row, table in enumerate(tables):
        scores = {w: _total(table, w) / len(w) ** limits.length_power for w in _all(limits)}
        best = max(scores, key=lambda words: scores[words])
        said = (*(word for word in found.tokens[row] if word != END), END)
        assert said == best
        assert found.length[row] == len(best)
        assert found.log_probability[row] == pytest.approx(_total(table, best), abs=1e-4)


def test_one_beam_takes_the_best_word_each_time() -> None:
    (table,) = tables = _tables(1, seed=5)
    found = _search(tables, Limits(1, 1, 6, 0.0, 0))
    words, before = [], (END, END)
    while len(words) < 6:
        goes_on = table[before][1:]
        words.append(int(goes_on.argmax()) + 1)
        before = (before[1], words[-1])
    prefixes = [(*words[:length], END) for length in range(1, 7)]
    best = max(prefixes, key=lambda said: _total(table, said))
    assert (*found.tokens[0][found.tokens[0] != END], END) == best


def test_rows_do_not_depend_on_their_neighbours() -> None:
    limits = Limits(3, 1, 7, 1.0, 2)
    tables = _tables(5, seed=7)
    together = _search(tables, limits)
    for row in range(len(tables)):
        alone = _search(tables[row : row + 1], limits)
        assert alone.tokens[0].tolist() == together.tokens[row].tolist()
        assert alone.log_probability[0] == together.log_probability[row]


def test_more_beams_never_find_worse_on_the_whole() -> None:
    tables = _tables(20, seed=9)
    totals = [_search(tables, Limits(k, 1, 6, 0.0, 0)).log_probability.mean() for k in (1, 3, 50)]
    assert totals[0] < totals[2]
    assert totals == sorted(totals)
