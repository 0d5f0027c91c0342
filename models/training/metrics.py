"""Accuracy, precision, recall and F1 from label numbers. Pure numpy, no state.

Precision, recall and F1 are macro averages: the plain mean over the labels that occur in the gold
or in the predicted numbers, so that a rare label weighs as much as a common one. A label that is
never predicted has precision 0.
"""

import numpy as np
from numpy.typing import ArrayLike


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
