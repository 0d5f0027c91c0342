"""A dispatcher as the supervisor starts it."""

import os
import subprocess
from pathlib import Path

from tests.services.work_rig import environment_of
from tests.unit.worker_fakes import until
from workers.supervisor import dispatcher_program


def test_a_dispatcher_says_when_everything_has_answered(redis_url: str, tmp_path: Path) -> None:
    program = dispatcher_program(tmp_path)
    assert program.ready is not None
    environment = os.environ | program.environment | environment_of(redis_url, tmp_path)
    process = subprocess.Popen(program.command, env=environment)
    try:
        until(program.ready.exists, 60)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_one_that_a_service_does_not_answer_never_is_ready(tmp_path: Path) -> None:
    program = dispatcher_program(tmp_path)
    assert program.ready is not None
    away = environment_of("redis://127.0.0.1:1/0", tmp_path)
    environment = os.environ | program.environment | away
    assert subprocess.run(program.command, env=environment, timeout=60).returncode == 1
    assert not program.ready.exists()
