"""Whether a canary is to be promoted, taken back, or watched on, by what is known of it. Pure.

Shares are judged by their Wilson interval (Wilson 1927), which holds for few samples and for shares
of 0 and 1: a canary goes when the whole interval is beyond a bound, and is promoted when the whole
interval is within all of them. Between the two it is watched on.
"""

from math import sqrt
from statistics import NormalDist
from typing import Final, Literal, NamedTuple

import msgspec

from schemas.settings import RolloutSettings

FLOOR_MS: Final = 50
"""Latencies below this are all alike: a ratio of a few milliseconds says nothing."""
FEWEST: Final = 20
"""Jobs before anything is taken back, however bad it looks."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one arm."""

    jobs: int
    """Answered and failed ones."""
    errors: int
    p99_ms: int | None
    """Latency from publishing to the committed row; None: nothing was answered."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision is based on."""

    live: Figures
    canary: Figures
    pairs: int
    """Texts that both have answered."""
    alike: float
    """Sum over them of how alike the answers are, 0 to 1 each."""


class Verdict(NamedTuple):
    """What is to be done, and why."""

    action: Literal["promote", "rollback", "wait"]
    reason: str


class Interval(NamedTuple):
    """Where a share lies."""

    low: float
    high: float


def wilson(hits: float, trials: int, confidence: float) -> Interval:
    """The interval of a share that showed `hits` in `trials`; all of [0, 1] for none."""
    if trials == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = hits / trials, z * z / trials
    centre = share + weight / 2
    spread = z * sqrt(max(share * (1 - share), 0.0) / trials + weight / (4 * trials))
    return Interval(
        max(0.0, (centre - spread) / (1 + weight)), min(1.0, (centre + spread) / (1 + weight))
    )


def decide(evidence: Evidence, rules: RolloutSettings) -> Verdict:
    """What is to become of a canary."""
    live, canary = evidence.live, evidence.canary
    errors = wilson(canary.errors, canary.jobs, rules.confidence)
    alike = wilson(evidence.alike, evidence.pairs, rules.confidence)
    most = live.errors / max(live.jobs, 1) + rules.max_error_rise
    if canary.jobs >= FEWEST and errors.low > most:
        return Verdict("rollback", f"errors: {_span(errors)} of its jobs, more than {most:.1%}")
    if evidence.pairs >= FEWEST and alike.high < rules.min_agreement:
        reason = f"agreement: {_span(alike)} with the live version, less than "
        return Verdict("rollback", reason + f"{rules.min_agreement:.1%}")
    if min(canary.jobs, live.jobs, evidence.pairs) < rules.min_samples:
        return Verdict("wait", f"fewer than {rules.min_samples} jobs of both, or texts of both")
    if (slow := _slower(evidence, rules.max_latency_ratio)) is not None:
        return Verdict("rollback", slow)
    if errors.high > most:
        return Verdict("wait", f"errors: {_span(errors)} of its jobs, which may exceed {most:.1%}")
    if alike.low < rules.min_agreement:
        return Verdict("wait", f"agreement: {_span(alike)}, below {rules.min_agreement:.1%}?")
    return Verdict("promote", f"errors {_span(errors)}, agreement {_span(alike)}, no slower")


def _slower(evidence: Evidence, most: float) -> str | None:
    """Why the canary is too slow; None where it is not."""
    live, canary = evidence.live.p99_ms, evidence.canary.p99_ms
    if live is None or canary is None or canary <= most * max(live, FLOOR_MS):
        return None
    return f"latency: p99 {canary} ms against {live} ms, more than {most:g} times as long"


def _span(interval: Interval) -> str:
    return f"{interval.low:.1%} to {interval.high:.1%}"
