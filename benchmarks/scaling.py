"""How far one dispatcher reaches: workers whose devices only sleep, as a GPU would compute.

    python -m benchmarks.scaling [--seconds 15] [--device-rate 300] [--json]

A simulated device takes `CALL_MS` an array and so much a padded token that it answers about
`--device-rate` texts a second, so that two cores can serve many of them. Speeds with 1, 2, 4, 8 and
16 workers stand beside what so many single ones would give. The dispatcher's limit is what one core
could do at the processor time that it uses a text with the most workers; on a machine whose cores
all are busy then, `busy` tells so, and a lower speed is the machine's. Two dispatchers beside one
are asked with the most workers.
"""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import options, plots
from benchmarks.answers import Kept
from benchmarks.part import Outcome, measure
from benchmarks.processes import module, textmill
from benchmarks.report import finish, machine, ratio, say
from benchmarks.rig import Rig, rig
from benchmarks.subject import new_run, publish
from benchmarks.texts import mix
from schemas.task import Task

CALL_MS = 2.0
WORKERS = (1, 2, 4, 8, 16)


def main(
    seconds: Annotated[float, typer.Option(min=2, help="Length of one run, about.")] = 15.0,
    device_rate: Annotated[float, typer.Option(min=10, help="Texts/s of a device.")] = 300.0,
    most: Annotated[int, typer.Option(min=1, help="Workers at most.")] = WORKERS[-1],
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Measure scaling with simulated devices."""
    steps = [workers for workers in WORKERS if workers <= most]
    device = device_of(device_rate)
    with rig(partitions=8, starters="all") as where:
        found = {n: run_with(where, n, 1, device, seconds, device_rate) for n in steps}
        two = run_with(where, steps[-1], 2, device, seconds, device_rate)
    result = {"benchmark": "scaling", "device": device, **summary(found, two)}
    if out is not None:
        speeds = {n: outcome.texts_per_s or 0.0 for n, outcome in found.items()}
        series = {
            "measured": list(speeds.items()),
            "linear": [(n, n * speeds[steps[0]]) for n in steps],
        }
        title = "Simulated devices, one dispatcher"
        plots.lines(out / "scaling.png", title, series, "workers", "texts/s", logarithmic=True)
    finish(result, as_json, out)


def device_of(texts_per_s: float, sample: int = 2000) -> str:
    """The `--model null:…` of a device that answers the mix about so fast.

    Batches of 512 are reckoned, cut into arrays as a worker does.
    """
    from models.shapes import plan

    lengths = [text.count(" ") + 1 for text in mix(sample, seed=3)]
    shapes = [s for at in range(0, sample, 512) for s in plan(lengths[at : at + 512])]
    tokens = sum(shape.length * shape.rows for shape in shapes)
    token_us = (sample / texts_per_s - len(shapes) * CALL_MS / 1e3) / tokens * 1e6
    return f"null:{CALL_MS:g},{max(0.0, token_us):.3f}"


def run_with(
    where: Rig, workers: int, dispatchers: int, device: str, seconds: float, rate: float
) -> Outcome:
    """One run of about `seconds`."""
    say(f"{workers} workers, {dispatchers} dispatchers")
    count = int(min(workers * rate, 10_000) * seconds)
    run = new_run("scaling")
    publish(where, run, mix(count), None, Task.SENTIMENT)
    work = module("workers.worker_process", "--device", "cpu", "--model", device)
    commands = {f"worker {n}": work for n in range(workers)}
    commands |= {f"dispatcher {n}": textmill("dispatch") for n in range(dispatchers)}
    with tempfile.TemporaryDirectory(prefix="bench-") as logs:
        return measure(where, commands, Kept.RESULT, run, count, Path(logs), 6 * seconds)


def summary(found: dict[int, Outcome], two: Outcome) -> dict[str, Any]:
    """All keys of the result but its name and device."""
    first, last = min(found), max(found)
    single = found[first].texts_per_s
    dispatcher_us = _us(found[last], "dispatcher")
    return {
        "textmill": {str(n): outcome.texts_per_s for n, outcome in found.items()},
        "of_linear": {
            str(n): ratio(outcome.texts_per_s, n / first * (single or 0.0))
            for n, outcome in found.items()
        },
        "busy": {str(n): _busy(outcome) for n, outcome in found.items()},
        "cpu_us_a_text": {
            "dispatcher": dispatcher_us,
            "workers": _us(found[last], "worker"),
        },
        "dispatcher_limit": ratio(1e6, dispatcher_us),
        "two_dispatchers": two.texts_per_s,
        "two_dispatchers_busy": _busy(two),
        "x_one_dispatcher": ratio(two.texts_per_s, found[last].texts_per_s),
    }


def _us(outcome: Outcome, kind: str) -> float | None:
    """Processor microseconds a text of all processes of a kind."""
    if outcome.speed is None:
        return None
    names = [name for name in outcome.own if name.startswith(kind)]
    return round(outcome.cpu_s(names) / outcome.speed.texts * 1e6, 1)


def _busy(outcome: Outcome) -> float | None:
    """Share of the machine's cores that our processes and servers kept busy."""
    if outcome.speed is None:
        return None
    seconds = outcome.speed.end - outcome.speed.begin
    cores = int(machine()["cores"])
    return round(outcome.cpu_s(list(outcome.uses)) / seconds / cores, 2)


if __name__ == "__main__":
    options.start(main)
