"""Accuracy, precision, recall, F1 and calibration from label numbers. Pure numpy, no state.

Precision, recall and F1 are macro averages: the plain mean over the labels that occur in the gold
or in the predicted numbers, so that a rare label weighs as much as a common one. A label that is
never predicted has precision 0.
"""

import numpy as np
from numpy.typing import ArrayLike

BINS = 15


def scores(gold: ArrayLike, predicted: ArrayLike, classes: int) -> dict[str, float]:
    """Return accuracy, macro_precision, macro_recall and macro_f1, each from 0 to 1.

    `gold` and `predicted` are label numbers [examples] below `classes`; at least one example.
    """
    pairs = np.asarray(gold) * classes + np.asarray(predicted)
    table = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    hits, of_gold, of_predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    seen = (of_gold + of_predicted) > 0
    precision = hits / np.maximum(of_predicted, 1)
    recall = hits / np.maximum(of_gold, 1)
    f1 = 2 * hits / np.maximum(of_gold + of_predicted, 1)
    return {
        "accuracy": float(hits.sum() / table.sum()),
        "macro_precision": float(precision[seen].mean()),
        "macro_recall": float(recall[seen].mean()),
        "macro_f1": float(f1[seen].mean()),
    }


def micro(accuracy: float) -> dict[str, float]:
    """Return the micro averages where every text has one label and one answer.

    Each wrong answer is then one false positive and one false negative, so all three are the
    accuracy.
    """
    return {f"micro_{name}": accuracy for name in ("precision", "recall", "f1")}


def calibration_error(confidences: ArrayLike, right: ArrayLike) -> float:
    """Return the expected calibration error, from 0 to 1 (Naeini et al. 2015; Guo et al. 2017).

    The answers are cut into `BINS` bins of equal width by their confidence; it is the mean distance
    between confidence and share of right answers of a bin, weighted by the answers in it.

    Args:
        confidences: from 0 to 1, [examples].
        right: whether each answer is right, [examples].
    """
    sure = np.asarray(confidences, dtype=np.float64)
    bins = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=sure - np.asarray(right, dtype=np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))
