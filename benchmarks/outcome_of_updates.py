"""What a stream with updates came to: losses, latencies, memory, rows against the history."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean, linear_regression, median
from typing import Any

import msgspec
from sqlalchemy import text

from benchmarks import plots
from benchmarks.open_loop import latencies_ms, percentile
from benchmarks.processes import Use, cpu_between
from benchmarks.report import ratio
from benchmarks.rig import Rig
from benchmarks.timeline import Timeline, mixed, within, wrong
from benchmarks.updates import Update, Updates
from workers.replicas import DRAIN_S

WARM_UPDATES = 2
"""Memory is compared with that after so many updates at least, which fill what is filled once,"""
LEFT_S = DRAIN_S + 5.0
"""and so many seconds, as versions that were replaced stay for a while: from then on as many leave
as come."""
AFTERMATH_S = 1.0
"""So soon after an update it may still be felt."""
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
    due: dict[int, float] = {}
    published: dict[int, float] = {}
    """When the sender, which a full machine makes late, handed each job over."""
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
        "lost": len(story.due) - distinct,
        "doubled": rows - distinct,
        "wrong_version": len(wrong(formed, Timeline(changing.changes()))),
        "mixed_batches": mixed(formed),
        "errors": endings + len(failed),
        "failed_updates": [f"{one.version}: {one.failed}" for one in failed],
        "update_s": round(median(one.end - one.begin for one in story.flips), 2),
        **latency(story),
        **processor(story),
        **memory(story),
    }


def spans_of(story: Story) -> dict[str, list[tuple[float, float]]]:
    """The stretches that are told apart: before the updates, during them, in the pauses between,
    and from the killing on."""
    calm = _calm(story)
    return {
        "steady": [(story.steady_from, story.updates_from)],
        "during": [(one.begin, one.end) for one in calm],
        "between": [(one.end + AFTERMATH_S, other.begin) for one, other in pairwise(calm)],
        "killed": [(story.killing_from, max(story.due.values(), default=0.0))],
    }


def latency(story: Story) -> dict[str, Any]:
    """99th percentiles in ms of each stretch: from when a job was due, from when it was published,
    and how late the sender was. What the sender is late is the machine's, not Textmill's."""
    found: dict[str, Any] = {}
    for name, span in spans_of(story).items():
        due = {n: at for n, at in story.due.items() if within(at, span)}
        published = {n: story.published[n] for n in due}
        found[f"p99_{name}_ms"] = _p99(due, story.visible)
        found[f"p99_{name}_published_ms"] = _p99(published, story.visible)
        found[f"sender_late_{name}_ms"] = _p99(due, story.published)
    during, published = found["p99_during_ms"], found["p99_during_published_ms"]
    return found | {
        "during_by_steady": ratio(during, found["p99_steady_ms"]),
        "during_by_steady_published": ratio(published, found["p99_steady_published_ms"]),
        "during_by_between": ratio(during, found["p99_between_ms"]),
    }


def processor(story: Story) -> dict[str, Any]:
    """Cores in use by process, before and during the updates, and what an update adds, in s."""
    spans = spans_of(story)
    cores = {
        name: {what: _cores(uses, spans[what]) for what in ("steady", "during")}
        for name, uses in story.uses.items()
    }
    lasted = [end - begin for begin, end in spans["during"]]
    added = {name: (one["during"] - one["steady"]) * fmean(lasted) for name, one in cores.items()}
    return {
        "cores": cores,
        "cores_of_all": {
            what: round(sum(one[what] for one in cores.values()), 2)
            for what in ("steady", "during")
        },
        "cpu_s_of_an_update": {name: round(one, 2) for name, one in added.items()},
    }


def _cores(uses: Sequence[Use], spans: Sequence[tuple[float, float]]) -> float:
    used = sum(cpu_between(uses, begin, end) for begin, end in spans)
    return round(used / sum(end - begin for begin, end in spans), 3)


def _calm(story: Story) -> list[Update]:
    return [one for one in story.flips if one.begin < story.killing_from]


def memory(story: Story) -> dict[str, Any]:
    """Growth of the workers' memory over the updates, in MiB and in parts of where it began."""
    calm = _calm(story)
    first_full = _first_full(calm)
    begin = calm[first_full].end
    growth = {}
    for name, uses in story.uses.items():
        first, last = _mib(uses, begin), _mib(uses, story.killing_from - _AROUND_S)
        if name.startswith("worker") and first is not None and last is not None:
            growth[name] = (first, last)
    after = {
        name: [_mib(uses, one.end) for one in calm]
        for name, uses in story.uses.items()
        if name in growth
    }
    most = max(growth.values(), key=lambda pair: pair[1] - pair[0], default=(0.0, 0.0))
    return {
        "rss_growth_mb": round(most[1] - most[0], 1),
        "rss_last_of_first": ratio(most[1], most[0]),
        "rss_mb_an_update": {name: _slope(after[name][first_full:]) for name in after},
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


def _p99(begin: Mapping[int, float], end: Mapping[int, float]) -> float | None:
    found = percentile(latencies_ms(begin, end), 0.99)
    return None if found is None else round(found, 1)


def _first_full(calm: Sequence[Update]) -> int:
    """Index of the update after which memory is compared; without any so late, of the last."""
    late = (n for n, one in enumerate(calm) if one.end >= calm[0].end + LEFT_S)
    return min(max(WARM_UPDATES - 1, next(late, len(calm) - 1)), len(calm) - 1)


def _slope(values: Sequence[float | None]) -> float | None:
    """MiB an update adds, by least squares; None of fewer than two."""
    known = [one for one in values if one is not None]
    if len(known) < 2:
        return None
    return round(linear_regression(range(len(known)), known).slope, 3)


def _mib(uses: Sequence[Use], at: float) -> float | None:
    """What a family of processes had around a moment."""
    around = [use.memory_mib for use in uses if at <= use.at <= at + _AROUND_S]
    return round(median(around), 1) if around else None
