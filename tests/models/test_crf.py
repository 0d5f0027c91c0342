"""The CRF against every path, written out."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from models.layers import crf
from models.text.tags import begins, grammar

SCHEMES = {
    "plain": ("ADJ", "NOUN", "VERB"),
    "bio": ("B-LOC", "B-PER", "I-LOC", "I-PER", "O"),
    "bmes": ("B", "E", "M", "S"),
}
LENGTHS = (5, 1, 3, 2)


class Case(NamedTuple):
    """A padded batch, the parameters, and for each text all paths and their scores in NumPy."""

    labels: tuple[str, ...]
    emissions: NDArray[np.float32]
    mask: NDArray[np.bool_]
    layer: crf.Transitions
    paths: list[NDArray[np.int64]]
    scored: list[NDArray[np.float64]]

    @property
    def scores(self) -> crf.Scores:
        return self.layer.scores(grammar(self.labels))


@pytest.fixture(params=SCHEMES)
def case(request: pytest.FixtureRequest) -> Case:
    labels = SCHEMES[request.param]
    random = np.random.default_rng(len(labels))
    emissions = random.normal(size=(len(LENGTHS), 6, len(labels))).astype(np.float32) * 2
    mask = np.arange(6) < np.array(LENGTHS)[:, None]
    layer = crf.Transitions()
    layer(emissions)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    first, moves, last = (np.asarray(weight, np.float64) for weight in layer.weights)
    paths, scored = [], []
    for row, length in enumerate(LENGTHS):
        every = itertools.product(range(len(labels)), repeat=length)
        valid = np.array([path for path in every if _valid([labels[tag] for tag in path])])
        said = emissions[row, np.arange(length), valid].sum(axis=1)
        moved = moves[valid[:, :-1], valid[:, 1:]].sum(axis=1)
        paths.append(valid)
        scored.append(first[valid[:, 0]] + said + moved + last[valid[:, -1]])
    return Case(labels, emissions, mask, layer, paths, scored)


def _valid(tags: list[str]) -> bool:
    scheme = next(name for name, labels in SCHEMES.items() if set(tags) <= set(labels))
    pairs = zip([None, *tags], tags, strict=False)
    whole = scheme != "bmes" or tags[-1] in ("E", "S")
    return whole and all(begins(before, tag, scheme) for before, tag in pairs)


def _log_sum(values: NDArray[np.float64]) -> float:
    return float(np.logaddexp.reduce(values))


def _padded(paths: list[NDArray[np.int64]]) -> NDArray[np.int32]:
    tags = np.zeros((len(paths), 6), dtype=np.int32)
    for row, path in enumerate(paths):
        tags[row, : len(path)] = path
    return tags


def test_log_partition_sums_over_every_allowed_path(case: Case) -> None:
    got = crf.log_partition(case.emissions, case.mask, case.scores)
    np.testing.assert_allclose(got, [_log_sum(scored) for scored in case.scored], rtol=1e-4)


def test_log_likelihood_of_a_path(case: Case) -> None:
    for pick in (0, -1):
        tags = _padded([paths[pick] for paths in case.paths])
        expected = [scored[pick] - _log_sum(scored) for scored in case.scored]
        got = crf.log_likelihood(case.emissions, tags, case.mask, case.scores)
        np.testing.assert_allclose(got, expected, atol=2e-4)


def test_viterbi_is_the_best_of_every_allowed_path(case: Case) -> None:
    best = [paths[scored.argmax()] for paths, scored in zip(case.paths, case.scored, strict=True)]
    got = crf.viterbi(case.emissions, case.mask, case.scores)
    np.testing.assert_array_equal(got, _padded(best))


def test_marginals_are_shares_of_every_allowed_path(case: Case) -> None:
    got = crf.marginals(case.emissions, case.mask, case.scores).numpy()
    for row, (paths, scored) in enumerate(zip(case.paths, case.scored, strict=True)):
        shares = np.exp(scored - _log_sum(scored))
        for at in range(LENGTHS[row]):
            expected = np.bincount(paths[:, at], shares, minlength=len(case.labels))
            np.testing.assert_allclose(got[row, at], expected, atol=1e-5)


def test_padding_changes_nothing(case: Case) -> None:
    for row, length in enumerate(LENGTHS):
        alone = case.emissions[row : row + 1, :length], case.mask[row : row + 1, :length]
        together = crf.marginals(case.emissions, case.mask, case.scores)[row, :length]
        np.testing.assert_allclose(crf.marginals(*alone, case.scores)[0], together, atol=1e-5)
        tags = crf.viterbi(case.emissions, case.mask, case.scores)[row, :length]
        np.testing.assert_array_equal(crf.viterbi(*alone, case.scores)[0], tags)


def test_the_gradient_is_what_was_said_less_what_was_expected(case: Case) -> None:
    tags = _padded([paths[0] for paths in case.paths])
    emissions = tf.constant(case.emissions)
    with tf.GradientTape() as tape:
        tape.watch(emissions)
        gained = tf.reduce_sum(crf.log_likelihood(emissions, tags, case.mask, case.scores))
    slopes, *others = tape.gradient(
        gained, [emissions, *(weight.value for weight in case.layer.weights)]
    )
    said = np.eye(len(case.labels))[tags]
    expected = said - crf.marginals(case.emissions, case.mask, case.scores)
    np.testing.assert_allclose(slopes, expected * case.mask[..., None], atol=1e-4)
    assert all(np.abs(slope).max() > 0 for slope in others)


def test_nothing_that_is_forbidden_is_ever_said() -> None:
    labels = SCHEMES["bio"]
    layer, random = crf.Transitions(), np.random.default_rng(0)
    emissions = random.normal(size=(64, 12, len(labels))).astype(np.float32) * 30
    layer(emissions)
    mask = np.ones((64, 12), dtype=bool)
    for row in crf.viterbi(emissions, mask, layer.scores(grammar(labels))).numpy():
        assert _valid([labels[tag] for tag in row])
