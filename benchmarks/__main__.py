"""`make bench`: Textmill beside the bare model and a plain loop, embedded and on real services.

    python -m benchmarks [--texts 20000] [--mode embedded|real|all]

Each part runs in a process of its own with the machine to itself, on the same texts, model and
device; the ratios are to the plain loop.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import textmill_run
from deploy.services import KafkaService, PostgresService, RedisService
from schemas import settings as setting
from workers.log.topics import create_topics
from workers.sql.upgrade import upgrade

Commands = list[tuple[str, ...]]
Rig = Callable[[], AbstractContextManager[tuple[dict[str, str], Commands]]]


class Mode(StrEnum):
    """Which adapters."""

    EMBEDDED = "embedded"
    REAL = "real"
    ALL = "all"


def main(
    texts: Annotated[int, typer.Option(min=2000, help="How many texts.")] = 20_000,
    mode: Annotated[Mode, typer.Option(help="Which adapters.")] = Mode.ALL,
) -> None:
    """Measure throughput and memory, side by side in one run."""
    console = Console()
    console.print(f"{texts} English texts, 75 % short, 20 % medium, 5 % long; default TextCNN")
    with tempfile.TemporaryDirectory(prefix="textmill-bench-") as directory:
        version = Path(directory) / "version"
        _run("benchmarks.reference_model", {}, str(version))
        model = json.loads(_run("benchmarks.model_loop", {}, str(version), str(texts)))
        for title, setting_up in _rigs(mode):
            with setting_up() as (environ, commands):
                _compare(console, title, environ, commands, version, texts, model)


def _rigs(mode: Mode) -> list[tuple[str, Rig]]:
    rigs: dict[Mode, tuple[str, Rig]] = {
        Mode.EMBEDDED: ("embedded: SQLite", _embedded),
        Mode.REAL: ("Kafka, Redis, PostgreSQL", _real),
    }
    return [rig for name, rig in rigs.items() if mode in {name, Mode.ALL}]


@contextmanager
def _embedded() -> Iterator[tuple[dict[str, str], Commands]]:
    with tempfile.TemporaryDirectory(prefix="textmill-bench-") as directory:
        environ = {"TEXTMILL_DATA_DIR": directory}
        upgrade(setting.load(environ).database_url)
        yield environ, [("serve",)]


@contextmanager
def _real() -> Iterator[tuple[dict[str, str], Commands]]:
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="textmill-bench-"))
        kafka, redis, postgres = (
            stack.enter_context(kind()) for kind in (KafkaService, RedisService, PostgresService)
        )
        environ = {
            "TEXTMILL_DATA_DIR": directory,
            "TEXTMILL_KAFKA__BOOTSTRAP_SERVERS": kafka.url,
            "TEXTMILL_REDIS__URL": redis.url,
            "TEXTMILL_DATABASE__URL": postgres.url,
        }
        settings = setting.load(environ)
        create_topics(settings, partitions=4, replication=1)
        upgrade(settings.database_url)
        yield environ, [("work", "--device", "cpu"), ("dispatch",)]


def _compare(
    console: Console,
    title: str,
    environ: Mapping[str, str],
    commands: Commands,
    version: Path,
    texts: int,
    model: dict[str, float],
) -> None:
    settings = setting.load(environ)
    textmill_run.prepare(settings, version, texts)
    plain = json.loads(_run("benchmarks.plain_loop", environ, str(version), str(texts)))["rate"]
    with tempfile.TemporaryDirectory(prefix="textmill-bench-") as logs:
        ours = textmill_run.measure(settings, environ, commands, texts, Path(logs))
    table = Table(title=title, title_justify="left")
    for column in ("what", "texts/s", "x plain loop"):
        table.add_column(column, justify="left" if column == "what" else "right")
    rows = [
        ("forward pass alone, sorted, tokenised beforehand", model["raw"]),
        ("model in windows of 1,024, no log, no database", model["loop"]),
        ("plain loop: consume 256, pad to the longest, insert", plain),
        ("Textmill, log to rows", ours.rate),
    ]
    for what, rate in rows:
        table.add_row(what, f"{rate:,.0f}", f"{rate / plain:.2f}")
    console.print(table)
    for process, (mib, seconds) in ours.processes.items():
        console.print(f"  {process}: {mib} MiB at most, {seconds:.1f} s of CPU", highlight=False)


def _run(module: str, environ: Mapping[str, str], *arguments: str) -> bytes:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-m", module, *arguments]
    environ = {**os.environ, **quiet, **environ}
    return subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True).stdout


if __name__ == "__main__":
    typer.run(main)
