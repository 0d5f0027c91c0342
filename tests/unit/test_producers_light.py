"""A producer is light: what `import producers` and publishing bring in, and how long it takes."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"tensorflow", "keras", "celery", "kombu", "sqlalchemy", "redis", "uvloop", "numpy"}

PUBLISH = """
import sys, time
began = time.process_time()
from producers import Publisher
took = time.process_time() - began
assert "kafka" not in sys.modules
with Publisher(data_dir=sys.argv[1]) as publisher:
    publisher.publish("text")
import producers.cli, producers.files, producers.kafka
print(took, *sys.modules)
"""

STANDARD = """
import time
began = time.process_time()
import asyncio, http.client, sqlite3
print(time.process_time() - began)
"""
"""Nothing but the standard library: what a quick import costs on this machine, today."""


def _run(program: str, *arguments: str) -> list[str]:
    """What it prints, word by word."""
    command = [sys.executable, "-c", program, *arguments]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return done.stdout.split()


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    loaded = set(_run(PUBLISH, str(tmp_path))[1:])
    assert not HEAVY & loaded
    assert not {name for name in loaded if name.startswith(("workers", "models"))}


def test_the_import_is_quick(tmp_path: Path) -> None:
    """In CPU time, beside modules of the standard library: a busy machine changes neither."""
    ours = min(float(_run(PUBLISH, str(tmp_path))[0]) for _ in range(4))
    standard = min(float(_run(STANDARD)[0]) for _ in range(4))
    assert ours < 3 * standard, f"{ours:.3f} s against {standard:.3f} s"
