"""Our own scores against libraries that the field trusts."""

import numpy as np
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from models.training.metrics import BINS, calibration_error, micro, scores
from models.training.tag_metrics import tag_scores

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_scored_as_scikit_learn_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    gold, said = random.integers(7, size=(2, 60))
    got = scores(gold, said, classes=9)
    got |= micro(got["accuracy"])
    assert got["accuracy"] == pytest.approx(accuracy_score(gold, said))
    for average in ("macro", "micro"):
        expected = precision_recall_fscore_support(gold, said, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), expected[:3], strict=True):
            assert got[f"{average}_{name}"] == pytest.approx(value), (average, name)


def _valid(random: np.random.Generator, length: int) -> list[str]:
    tags: list[str] = []
    for _ in range(length):
        kind = tags[-1][2:] if tags and tags[-1] != "O" else ""
        allowed = [tag for tag in TAGS if tag[0] != "I" or tag[2:] == kind]
        tags.append(str(random.choice(allowed)))
    return tags


@pytest.mark.parametrize("seed", range(5))
def test_entities_are_scored_as_seqeval_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 12, size=20)
    gold, said = ([_valid(random, length) for length in lengths] for _ in range(2))
    got = tag_scores(gold, said, TAGS)
    for name, judge in (
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ):
        expected = judge(gold, said, mode="strict", scheme=IOB2, average="micro", zero_division=0)
        assert got[f"entity_{name}"] == pytest.approx(expected), name


def test_calibration_by_hand_and_beside_scikit_learn_s_bins() -> None:
    assert calibration_error([1.0, 1.0, 1.0, 1.0], [True, True, True, False]) == 0.25
    assert calibration_error([0.5, 0.5], [True, False]) == pytest.approx(0.0)
    random = np.random.default_rng(1)
    sure = random.random(500)
    right = random.random(500) < sure**2
    share, mean = calibration_curve(right, sure, n_bins=BINS)
    counts = np.bincount((sure * BINS).astype(int), minlength=BINS)
    expected = (counts * np.abs(share - mean)).sum() / 500
    assert calibration_error(sure, right) == pytest.approx(expected)
