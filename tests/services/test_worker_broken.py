"""A worker process that cannot serve leaves with the code that lets it be started again."""

import os
import re
import subprocess
from pathlib import Path

from tests.services.work_rig import environment_of
from tests.unit.supervisor_rig import script
from workers.supervised import EXIT_BROKEN

START = """
from workers import model_loading, worker_process
from schemas.errors import ArtifactError
def fail(*_):
    raise {error}
model_loading.load = fail
worker_process.main(["--device", "cpu"])
"""


def left(environment: dict[str, str], error: str) -> tuple[int, str]:
    """How a worker process ends whose every load raises `error`."""
    command = script(START.format(error=error))
    environment = os.environ | environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


def test_a_worker_without_a_model_leaves_to_be_started_again(
    redis_url: str, tmp_path: Path
) -> None:
    environment = environment_of(redis_url, tmp_path)
    code, said = left(environment, 'ArtifactError("the files are away")')
    assert code == EXIT_BROKEN, said
    assert re.search(r"textmill: None of the \d+ routed model versions can be loaded here", said)
    assert "Traceback" not in said


def test_a_crash_while_loading_is_not_a_service_that_is_away(
    redis_url: str, tmp_path: Path
) -> None:
    code, said = left(environment_of(redis_url, tmp_path), 'RuntimeError("no CUDA context")')
    assert code == EXIT_BROKEN, said
    assert "RuntimeError" in said
