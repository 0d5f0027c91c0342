"""Interactive jobs beside a flood of bulk work, and bulk work beside them.

Publishing the flood is a process of its own (`python -m benchmarks.flood`), so that it does not
delay the sender of the interactive jobs.
"""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import answers, open_loop
from benchmarks.answers import Kept, Speed
from benchmarks.part import await_rows
from benchmarks.processes import ROOT, module
from benchmarks.report import ratio, say
from benchmarks.subject import jobs, new_run
from benchmarks.systems import System, at_rate, by_stage, drained, send, summary
from producers import Publisher
from schemas import settings as setting
from schemas.errors import TextmillError

LONGEST_S = 1800.0


def beside_a_flood(system: System, rate: float, size: int, seconds: float) -> dict[str, Any]:
    """Interactive latency without and during a flood; bulk speed alone and beside them.

    Args:
        system: Textmill, running.
        rate: of interactive jobs, a second.
        size: bulk texts.
        seconds: how long is measured without a flood.
    """
    say(f"{rate:g}/s without a flood")
    quiet = at_rate(system, rate, seconds)
    say(f"{size:,} bulk texts alone")
    alone = _flood(system, size)
    say(f"{rate:g}/s during {size:,} bulk texts")
    beside, during = _both(system, rate, size)
    speeds = {
        name: round(one.texts_per_s, 1) if one else None
        for name, one in (("alone", alone), ("beside", beside))
    }
    return {
        "rate": rate,
        "bulk_texts": size,
        "without": quiet,
        "during": during,
        "p99_ratio": ratio(during["p99_ms"], quiet["p99_ms"]),
        "bulk": speeds,
        "bulk_ratio": ratio(speeds["beside"], speeds["alone"]),
    }


def _both(system: System, rate: float, size: int) -> tuple[Speed | None, dict[str, Any]]:
    run, stop = new_run("during"), threading.Event()
    most = int(rate * LONGEST_S)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, system, run, open_loop.arrivals(rate), most, stop)
        try:
            bulk = _flood(system, size)
        finally:
            stop.set()
        sent = sending.result()
    visible = drained(system, run, sent.due)
    if bulk is None:
        return None, summary({}, {})
    within = {n: at for n, at in sent.due.items() if bulk.begin <= at <= bulk.end}
    return bulk, summary(within, visible) | by_stage(system, run, within)


def _flood(system: System, size: int) -> Speed | None:
    """Publish bulk texts, wait for their rows, and tell how fast they came."""
    run, given, where = new_run("flood"), system.given, system.where
    command = module("benchmarks.flood", run, str(size), str(given.file), given.task)
    command += [system.model] if system.model else []
    environ = {**os.environ, **where.environ}
    done = subprocess.run(
        command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TextmillError(f"The flood was not published: {done.stderr[-1000:]}")
    await_rows(where, system.children, Kept.RESULT, run, size, LONGEST_S)
    found = answers.rows(where.engine, Kept.RESULT, run)
    return answers.speed([row.at for row in found])


def main() -> None:
    """Publish: RUN SIZE TEXTS.json TASK [MODEL]."""
    run, size, file, task, *model = sys.argv[1:]
    texts = msgspec.json.decode(Path(file).read_bytes(), type=list[str])
    repeated = [texts[number % len(texts)] for number in range(int(size))]
    with Publisher(setting.load()) as publisher:
        publisher.publish_jobs(jobs(run, repeated, model[0] if model else None), task, bulk=True)


if __name__ == "__main__":
    main()
