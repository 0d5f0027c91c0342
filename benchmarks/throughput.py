"""Texts a second from the log to committed rows, beside everything one could use instead.

    python -m benchmarks.throughput [--texts 20000] [--uniform] [--docs FILE] [--model DIR] [--json]

Every part has the machine to itself and answers the same texts, which lie on the topic before it
starts, with the same model on the same device. The first tenth of its rows is not counted. A part
that takes longer than `--limit` seconds is ended, and its speed is that of the rows it has. A peer
whose package is missing is null, with the reason under `reasons`.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from benchmarks import answers, options, peers, plots
from benchmarks.answers import Kept
from benchmarks.part import Outcome, StalledError, measure
from benchmarks.peers import PEERS, Peer
from benchmarks.processes import ROOT, ChildEndedError, module, textmill
from benchmarks.report import finish, ratio, say
from benchmarks.rig import Rig, own_topic, rig
from benchmarks.subject import Subject, new_run, publish, publish_to, register, subject
from schemas.errors import TextmillError

WORK = ("work", "--device", "cpu")
_PARTS = ("raw_limit", "textmill", *(peer.name for peer in PEERS))

_TOO_FEW = "all rows that count came at one moment: give it more texts"


def main(
    texts: options.Texts = 20_000,
    uniform: Annotated[bool, typer.Option(help="Texts of the longest input each.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="These peers alone; `none`.")] = None,
    limit: Annotated[float, typer.Option(min=5, help="Seconds of one part at most.")] = 45.0,
    docs: options.Docs = None,
    model: options.Model = None,
    as_json: options.Json = False,
    out: options.Out = None,
) -> None:
    """Measure throughput, side by side in one run."""
    chosen = [peer for peer in PEERS if not only or peer.name in only]
    with subject(texts, docs, model, uniform=uniform) as given, rig() as where:
        found = compare(where, given, chosen, limit)
    result = {"benchmark": "throughput", "uniform": uniform, **found}
    if out is not None:
        speeds = {name: found[name] for name in _PARTS}
        title = f"{texts:,} texts, {'uniform' if uniform else 'mixed'} lengths"
        plots.bars(out / "throughput.png", title, speeds, "texts/s")
    finish(result, as_json, out)


def compare(where: Rig, given: Subject, chosen: Sequence[Peer], limit: float) -> dict[str, Any]:
    """Measure the limit, Textmill and these peers; all keys of the result but its name."""
    raw = raw_limit(given)
    run = new_run("textmill")
    publish(where, run, given.texts, register(where, given.version), given.task)
    ours = textmill_part(where, given, run, limit)
    with own_topic(where.settings) as topic:
        publish_to(topic, where, new_run("peers"), given.texts)
        tried = {peer.name: peer_part(where, given, topic, peer, limit) for peer in chosen}
    done = {name: one for name, one in tried.items() if isinstance(one, Outcome)}
    reasons = {name: one for name, one in tried.items() if isinstance(one, str)}
    reasons |= {p.name: "not asked for" for p in PEERS if p not in chosen}
    return _result(given, raw, ours, done, reasons)


def raw_limit(given: Subject) -> dict[str, Any]:
    """What the bare device does; see `benchmarks.peers.raw_limit`.

    Raises:
        TextmillError: it did not run.
    """
    say("raw_limit")
    command = module("benchmarks.peers.raw_limit", str(given.version), str(given.file))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise TextmillError(f"The raw limit could not be measured: {done.stderr[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def textmill_part(where: Rig, given: Subject, run: str, limit: float) -> Outcome:
    """One dispatcher and one worker, as a person starts them."""
    say("textmill")
    commands = {"worker": textmill(*WORK), "dispatcher": textmill("dispatch")}
    count = len(given.texts)
    return measure(where, commands, Kept.RESULT, run, count, given.directory, limit)


def peer_part(where: Rig, given: Subject, topic: str, peer: Peer, limit: float) -> Outcome | str:
    """One peer; or the reason why there is nothing to tell."""
    say(peer.name)
    interpreter = peers.python() if peer.needs else sys.executable
    if reason := peers.missing(peer, interpreter):
        return reason
    run = new_run(peer.name)
    commands = {peer.name: peers.command(peer, interpreter, given.version, topic, run)}
    count = len(given.texts)
    try:
        return measure(where, commands, Kept.BENCH_ANSWER, run, count, given.directory, limit)
    except (ChildEndedError, StalledError) as error:
        return str(error)


def _result(
    given: Subject,
    raw: dict[str, Any],
    ours: Outcome,
    done: dict[str, Outcome],
    reasons: dict[str, str],
) -> dict[str, Any]:
    outcomes = {"textmill": ours, **done}
    speeds = {name: outcome.texts_per_s for name, outcome in outcomes.items()}
    reasons |= {name: _TOO_FEW for name, speed in speeds.items() if speed is None}
    speeds = {"raw_limit": round(raw["texts_per_s"], 1), **speeds, **dict.fromkeys(reasons)}
    folded = raw["folded_texts_per_s"]
    labels = {name: outcome.labels for name, outcome in outcomes.items()}
    labels["raw_limit"] = {int(number): label for number, label in raw["labels"].items()}
    wrong = answers.mismatches(labels, judge="raw_limit")
    cpu = {name: outcome.cpu_s_per_1000 for name, outcome in outcomes.items()}
    mine = speeds["textmill"]
    return {
        "texts": len(given.texts),
        "tokens": given.about(),
        **speeds,
        "of_raw_limit": ratio(mine, speeds["raw_limit"]),
        "raw_limit_folded": folded and round(folded, 1),
        "of_raw_limit_folded": ratio(mine, folded),
        **{f"x_{peer.name}": ratio(mine, speeds[peer.name]) for peer in PEERS},
        "padding_efficiency": answers.padding_efficiency(ours.rows, given.longest),
        "padding_efficiency_raw_limit": round(raw["padding_efficiency"], 3),
        "cpu_s_per_1000": {"raw_limit": round(raw["cpu_s_per_1000"], 3), **cpu},
        "memory_mib": {name: outcome.memory_mib for name, outcome in outcomes.items()},
        "answered": {name: len(outcome.rows) for name, outcome in outcomes.items()},
        "mismatches": sum(wrong.values()),
        "mismatches_of": wrong,
        "reasons": reasons,
    }


if __name__ == "__main__":
    options.start(main)
