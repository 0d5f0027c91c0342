"""What a padded array costs a device: T(B, L) = a + b·B·L + c·B·L², in seconds.

B rows of L tokens. `a` is the price of a call, `b` that of a token, `c` that of a pair of tokens,
which only attention pays. Non-negative by nature, so the fit is too. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Observation(NamedTuple):
    """One array that was run."""

    rows: int
    length: int
    seconds: float


class Cost(NamedTuple):
    """The three prices, in seconds."""

    call_s: float
    token_s: float
    pair_s: float = 0.0

    def seconds(self, rows: int, length: int) -> float:
        """Predicted seconds of one array of `rows` texts padded to `length` tokens."""
        return self.call_s + rows * length * (self.token_s + self.pair_s * length)


def fit(observations: Iterable[Observation]) -> Cost:
    """Return the non-negative prices with the least squared *relative* errors.

    Relative, because a call of a millisecond matters as much as one of a second. Least squares over
    each set of prices that are not zero, the best feasible one wins: with three prices that is
    exact, and it needs no solver.

    Raises:
        ValueError: no observation, or one that took no time.
    """
    seen = list(observations)
    if not seen or min(one.seconds for one in seen) <= 0:
        raise ValueError("a cost is fitted to arrays that took some time")
    table = np.array([(1, o.rows * o.length, o.rows * o.length**2) for o in seen], dtype=float)
    table /= np.array([[one.seconds] for one in seen])
    subsets = ((0, 1, 2), (0, 1), (1, 2), (0, 2), (1,), (0,), (2,))
    solved = [_solve(table, subset) for subset in subsets]
    feasible = [(error, prices) for error, prices in solved if min(prices) >= 0]
    return Cost(*min(feasible)[1])


def _solve(table: np.ndarray, subset: Sequence[int]) -> tuple[float, tuple[float, ...]]:
    """Return squared error and prices, where only those of `subset` may differ from zero."""
    columns = table[:, list(subset)]
    scale = np.abs(columns).max(axis=0)
    found = np.linalg.lstsq(columns / scale, np.ones(len(table)), rcond=None)[0] / scale
    prices = np.zeros(3)
    prices[list(subset)] = found
    error = float(((table @ prices - 1) ** 2).sum())
    return error, tuple(prices.tolist())
