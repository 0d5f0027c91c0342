"""What a padded array costs a device: T(B, L) = a + b·B·L + c·B·L², in seconds.

B rows of L tokens. `a` is the price of a call, `b` that of a token, `c` that of a pair of tokens,
which only attention pays. A batch of several lengths is the sum over its texts, so what counts of
it are two numbers: its *tokens*, ΣL, and its *pairs*, ΣL². Non-negative by nature, so the fit is
too. Pure, and without NumPy, which a dispatcher does not load.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

Prices = tuple[float, float, float]

_SUBSETS: Final = ((0, 1, 2), (0, 1), (1, 2), (0, 2), (1,), (0,), (2,))
_FAITH: Final = 0.02
"""Weight of what was believed before, beside an observation's 1: it decides only what the
observations leave open, as those of equal batches do."""
_BELIEVED: Final = ((1, 16), (1, 256), (32, 16), (32, 128))
"""Shapes for which the earlier belief speaks."""
_SINGULAR: Final = 1e-12


class Observation(NamedTuple):
    """A batch that was run."""

    tokens: float
    """ΣL over its texts, padding included."""
    pairs: float
    """ΣL²."""
    seconds: float


class Cost(NamedTuple):
    """The three prices, in seconds."""

    call_s: float
    token_s: float
    pair_s: float = 0.0

    def seconds(self, rows: int, length: int) -> float:
        """Predicted seconds of one array of `rows` texts padded to `length` tokens."""
        return self.call_s + rows * self.text_s(length)

    def text_s(self, length: int) -> float:
        """Predicted seconds that one text of so many tokens adds to a batch."""
        return length * (self.token_s + self.pair_s * length)

    def batch_s(self, tokens: float, pairs: float) -> float:
        """Predicted seconds of a batch of texts of any lengths."""
        return self.call_s + tokens * self.token_s + pairs * self.pair_s


def array(rows: int, length: int, seconds: float) -> Observation:
    """The observation of one padded array."""
    return Observation(rows * length, rows * length * length, seconds)


def fit(observations: Iterable[Observation], belief: Cost | None = None) -> Cost:
    """Return the non-negative prices with the least squared *relative* errors.

    Relative, because a call of a millisecond matters as much as one of a second, and because a
    batch that a busy machine held up then counts no more than one that was missed altogether. Least
    squares over each set of prices that are not zero, the best feasible one wins: with three prices
    that is exact, and it needs no solver.

    Args:
        observations: what was seen.
        belief: prices from before, which decide what the observations leave open.

    Raises:
        ValueError: no observation, or one that took no time.
    """
    sums = _Sums()
    for tokens, pairs, seconds in observations:
        if seconds <= 0:
            raise ValueError("a cost is fitted to batches that took some time")
        sums.add((1 / seconds, tokens / seconds, pairs / seconds), 1.0)
    if not sums.count:
        raise ValueError("a cost is fitted to something")
    for rows, length in _BELIEVED if belief else ():
        assert belief is not None
        seconds = max(belief.seconds(rows, length), 1e-9)
        tokens = rows * length
        sums.add((1 / seconds, tokens / seconds, tokens * length / seconds), _FAITH)
    return Cost(*sums.best())


class _Sums:
    """Normal equations of `prices · row = 1`."""

    def __init__(self) -> None:
        self.count = 0.0
        self._right = [0.0] * 3
        self._left = [[0.0] * 3 for _ in range(3)]

    def add(self, row: Prices, weight: float) -> None:
        """One more equation."""
        self.count += weight
        for i in range(3):
            weighted = weight * row[i]
            self._right[i] += weighted
            for j in range(i, 3):
                self._left[i][j] += weighted * row[j]

    def best(self) -> Prices:
        """The feasible solution with the smallest error."""
        scale = [math.sqrt(self._left[i][i]) or 1.0 for i in range(3)]
        right = [self._right[i] / scale[i] for i in range(3)]
        left = [
            [self._left[min(i, j)][max(i, j)] / (scale[i] * scale[j]) for j in range(3)]
            for i in range(3)
        ]
        solved = (_solve(left, right, subset) for subset in _SUBSETS)
        feasible = [x for x in solved if x is not None and min(x) >= 0]
        gains = {x: sum(p * r for p, r in zip(x, right, strict=True)) for x in feasible}
        chosen = max(feasible, key=gains.__getitem__, default=(0.0, 0.0, 0.0))
        return chosen[0] / scale[0], chosen[1] / scale[1], chosen[2] / scale[2]


def _solve(
    left: Sequence[Sequence[float]], right: Sequence[float], subset: Sequence[int]
) -> Prices | None:
    """Prices where only those of `subset` may differ from zero; None where they are not determined.

    Gauss's elimination without pivoting: the matrix is positive definite with a diagonal of ones.
    """
    rows = [[*(left[i][j] for j in subset), right[i]] for i in subset]
    for k, pivot in enumerate(rows):
        if pivot[k] < _SINGULAR:
            return None
        for row in rows[k + 1 :]:
            factor = row[k] / pivot[k]
            for j in range(k, len(row)):
                row[j] -= factor * pivot[j]
    prices = [0.0] * 3
    for k in reversed(range(len(rows))):
        known = sum(rows[k][j] * prices[subset[j]] for j in range(k + 1, len(rows)))
        prices[subset[k]] = (rows[k][-1] - known) / rows[k][k]
    return prices[0], prices[1], prices[2]
