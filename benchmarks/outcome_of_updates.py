"""What a stream with updates came to: losses, latencies, memory, rows against the history."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from sqlalchemy import text

from benchmarks import plots
from benchmarks.open_loop import latencies_ms, percentile
from benchmarks.processes import Use
from benchmarks.report import ratio
from benchmarks.rig import Rig
from benchmarks.timeline import Timeline, mixed, within, wrong
from benchmarks.updates import Update, Updates

WARM_UPDATES = 2
"""Memory is compared with that after so many updates: the first ones fill what is filled once."""
_AROUND_S = 3.0
_BIN_S = 0.5
_ROWS = "SELECT count(*), count(DISTINCT job_id) FROM result WHERE bulk_id = :run"
_ENDINGS = "SELECT count(*) FROM ending WHERE bulk_id = :run"


class Story(msgspec.Struct):
    """What happened when. Moments are seconds since 1970."""

    rate: float
    run: str = ""
    steady_from: float = 0.0
    updates_from: float = 0.0
    killing_from: float = 0.0
    killed: str = ""
    """The worker that was killed while it loaded."""
    sender_late_ms: float = 0.0
    """99th percentile: where it is not small, latencies are the sender's."""
    due: dict[int, float] = {}
    visible: dict[int, float] = {}
    uses: dict[str, list[Use]] = {}
    flips: list[Update] = []


def result(where: Rig, story: Story, changing: Updates) -> dict[str, Any]:
    """Everything that is asked of it."""
    story.flips = changing.done[1:]
    with where.engine.connect() as connection:
        rows, distinct = connection.execute(text(_ROWS), {"run": story.run}).one()
        endings = connection.execute(text(_ENDINGS), {"run": story.run}).scalar_one()
    formed = changing.formed(story.run)
    failed = [update for update in story.flips if update.failed]
    actions = [update.action for update in story.flips]
    return {
        "benchmark": "hot_update",
        "updates": actions.count("activate"),
        "rollbacks": actions.count("rollback"),
        "killed_while_loading": story.killed,
        "jobs": len(story.due),
        "rate": story.rate,
        "sender_late_ms": story.sender_late_ms,
        "lost": len(story.due) - distinct,
        "doubled": rows - distinct,
        "wrong_version": len(wrong(formed, Timeline(changing.changes()))),
        "mixed_batches": mixed(formed),
        "errors": endings + len(failed),
        "failed_updates": [f"{one.version}: {one.failed}" for one in failed],
        "update_s": round(median(one.end - one.begin for one in story.flips), 2),
        **latency(story),
        **memory(story),
    }


def latency(story: Story) -> dict[str, Any]:
    """99th percentiles in ms: before the updates, during them, and from the killing on."""
    calm = [one for one in story.flips if one.begin < story.killing_from]
    spans = {
        "p99_steady_ms": [(story.steady_from, story.updates_from)],
        "p99_during_ms": [(one.begin, one.end) for one in calm],
        "p99_killed_ms": [(story.killing_from, max(story.due.values(), default=0.0))],
    }
    found = {name: _p99(story, span) for name, span in spans.items()}
    return found | {"during_by_steady": ratio(found["p99_during_ms"], found["p99_steady_ms"])}


def memory(story: Story) -> dict[str, Any]:
    """Growth of the workers' memory over the updates, in MiB and in parts of where it began."""
    calm = [one for one in story.flips if one.begin < story.killing_from]
    begin = calm[min(WARM_UPDATES, len(calm)) - 1].end
    growth = {}
    for name, uses in story.uses.items():
        first, last = _mib(uses, begin), _mib(uses, story.killing_from - _AROUND_S)
        if name.startswith("worker") and first is not None and last is not None:
            growth[name] = (first, last)
    most = max(growth.values(), key=lambda pair: pair[1] - pair[0], default=(0.0, 0.0))
    after = {
        name: [_mib(uses, one.end) for one in calm]
        for name, uses in story.uses.items()
        if name in growth
    }
    return {
        "rss_growth_mb": round(most[1] - most[0], 1),
        "rss_last_of_first": ratio(most[1], most[0]),
        "rss_mb_after_updates": after,
    }


def draw(out: Path, story: Story) -> None:
    """Latency over time, the flips marked."""
    began = min(story.due.values())
    bins: dict[int, list[float]] = {}
    for number, at in story.due.items():
        if number in story.visible:
            lasted = (story.visible[number] - at) * 1000
            bins.setdefault(int((at - began) / _BIN_S), []).append(lasted)
    series = {
        name: [
            (one * _BIN_S, percentile(found, share) or 0.0) for one, found in sorted(bins.items())
        ]
        for name, share in (("median", 0.5), ("99th percentile", 0.99))
    }
    marks = [(one.end - began, one.action) for one in story.flips]
    title = f"Publish to committed row at {story.rate:g} jobs/s"
    plots.lines(out / "hot_update.png", title, series, "seconds", "ms", marks=marks)


def _p99(story: Story, spans: Sequence[tuple[float, float]]) -> float | None:
    due: Mapping[int, float] = {n: at for n, at in story.due.items() if within(at, spans)}
    found = percentile(latencies_ms(due, story.visible), 0.99)
    return None if found is None else round(found, 1)


def _mib(uses: Sequence[Use], at: float) -> float | None:
    """What a family of processes had around a moment."""
    around = [use.memory_mib for use in uses if at <= use.at <= at + _AROUND_S]
    return round(median(around), 1) if around else None
