"""A producer is light: what `import producers` and publishing bring in, and how long it takes."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"tensorflow", "keras", "celery", "kombu", "sqlalchemy", "redis", "uvloop", "numpy"}

PUBLISH = """
import sys, time
began = time.perf_counter()
from producers import Publisher
took = time.perf_counter() - began
assert "kafka" not in sys.modules
with Publisher(data_dir=sys.argv[1]) as publisher:
    publisher.publish("text")
import producers.cli, producers.files, producers.kafka
print(took, *sys.modules)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, set[str]]:
    directory = str(tmp_path_factory.mktemp("light"))
    root = Path(__file__).parents[2]
    runs = [
        subprocess.run(
            [sys.executable, "-c", PUBLISH, directory],
            check=True,
            capture_output=True,
            text=True,
            cwd=root,
        ).stdout.split()
        for _ in range(3)
    ]
    return min(float(run[0]) for run in runs), set(runs[0][1:])


def test_nothing_heavy_is_imported(loaded: tuple[float, set[str]]) -> None:
    assert not HEAVY & loaded[1]
    assert not {name for name in loaded[1] if name.startswith(("workers", "models"))}


def test_the_import_is_quick(loaded: tuple[float, set[str]]) -> None:
    assert loaded[0] < 0.15
