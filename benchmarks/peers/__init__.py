"""What else one could use: each peer as idiomatic as its own documentation, in a file of its own.

A peer is a command that consumes a topic under a consumer group of its own and writes rows to
`bench_answer` until it is ended. All use the same model class, topic, device, table and insert
statement. Packages that Textmill does not need are in the dependency group `peers`, which
`make bench-peers` installs into `.venv-peers`, since some of them want other versions of what
Textmill pins.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.processes import ROOT

PYTHON: Final = ROOT / ".venv-peers" / "bin" / "python"


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One peer."""

    name: str
    """Key of a result; also its module in this package."""
    needs: tuple[str, ...] = ()
    """Import names of what Textmill does not depend on."""


PEERS: Final = tuple(
    Peer(name=name, needs=needs)
    for name, needs in (
        ("sorting_loop", ()),
        ("hand_loop", ()),
        ("faststream", ("faststream", "aiokafka")),
        ("celery_batches", ("celery_batches",)),
        ("one_task_a_text", ("celery",)),
        ("mosec", ("mosec", "aiohttp")),
        ("ray_serve", ("ray.serve",)),
        ("bentoml", ("bentoml",)),
    )
)


def python() -> str:
    """The interpreter that peers run in: that of `.venv-peers`, else this one."""
    return str(PYTHON) if PYTHON.exists() else sys.executable


def missing(peer: Peer, interpreter: str) -> str | None:
    """Why this peer cannot be measured; None when it can."""
    code = (
        "import sys\nfrom importlib.util import find_spec\n"
        "print(*(n for n in sys.argv[1:] if find_spec(n.partition('.')[0]) is None))"
    )
    command = [interpreter, "-c", code, *peer.needs]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        return f"{interpreter} does not run: {done.stderr.strip()[-200:]}"
    lacking = done.stdout.split()
    return f"{', '.join(lacking)} not installed: run `make bench-peers`" if lacking else None


def command(peer: Peer, interpreter: str, version: Path, topic: str, run: str) -> list[str]:
    """What answers the run with this peer."""
    module = f"benchmarks.peers.{peer.name}"
    return [interpreter, "-m", module, str(version), topic, run]
