"""The supervisor with real processes: starting, restarting, giving up."""

import json
import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from schemas.settings import Settings, WorkerSettings
from tests.unit.supervisor_rig import TOUCH_AND_WAIT, lives, pids, script, supervising
from tests.unit.worker_fakes import until
from workers.device import Device, Machine, parse
from workers.supervised import Program
from workers.supervisor import dispatcher_program, worker_programs

LOOK = """
    import json, os, sys
    names = "CUDA_VISIBLE_DEVICES OMP_NUM_THREADS TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS"
    seen = [os.environ.get(name) for name in names.split()], sorted(os.sched_getaffinity(0))
    with open(sys.argv[1] + "-", "a") as file:
        file.write(json.dumps(seen) + "\\n")
    os.replace(sys.argv[1] + "-", sys.argv[1])
    import time; time.sleep(60)
"""


def test_each_worker_sees_its_own_device_before_its_program_starts(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    machine = Machine(cores=frozenset(cores), gpus=("GPU-a", "GPU-b"))
    devices = [*parse("gpu:0,1,cpu:1", machine), Device(name="two", cores=tuple(cores[-2:]))]
    made = worker_programs(Settings(), devices, tmp_path)
    seen = [tmp_path / str(number) for number in range(len(made))]
    programs = [
        msgspec.structs.replace(program, command=script(LOOK, path), pulse=None)
        for program, path in zip(made, seen, strict=True)
    ]
    with supervising(*programs) as run:
        until(lambda: all(path.exists() for path in seen), 20)
        assert run.stop() == 0
    two = str(max(len(cores[-2:]) - 1, 1))
    assert [json.loads(path.read_text()) for path in seen] == [
        [["GPU-a", None, None, None], cores],
        [["GPU-b", None, None, None], cores],
        [["-1", "1", "1", "1"], cores[:1]],
        [["-1", two, two, two], cores[-2:]],
    ]


def test_of_several_workers_one_that_dies_or_hangs_is_replaced_and_the_others_stay(
    tmp_path: Path,
) -> None:
    code = """
        import os, sys, time
        from pathlib import Path
        from workers.pulse import PulseFile
        beat = PulseFile(Path(sys.argv[1]))
        beat(None)
        open(sys.argv[2], "a").write(f"{os.getpid()}\\n")
        while not Path(sys.argv[2] + "-hangs").exists():
            beat(None)
            time.sleep(0.05)
        time.sleep(60)
    """
    devices = [Device(name=f"gpu:{n}", gpu=str(n)) for n in range(3)]
    marks = [tmp_path / f"marks-{n}" for n in range(3)]
    programs = [
        msgspec.structs.replace(program, command=script(code, program.pulse, path))
        for program, path in zip(worker_programs(Settings(), devices, tmp_path), marks, strict=True)
    ]
    with supervising(*programs, hung=1.5) as run:
        until(lambda: all(map(pids, marks)), 20)
        os.kill(pids(marks[0])[0], signal.SIGKILL)
        hangs = tmp_path / "marks-1-hangs"
        hangs.touch()
        until(lambda: "worker gpu:1" in run.text and "hangs; killing it" in run.text, 20)
        hangs.unlink()
        until(lambda: [len(pids(path)) for path in marks] == [2, 2, 1], 20)
        assert lives(pids(marks[2])[0])
        assert run.stop() == 0
    assert "worker gpu:0 was killed by SIGKILL" in run.text
    assert run.text.count("has stopped") + run.text.count("SIGTERM") == 3, run.text
    assert not any(lives(pid) for path in marks for pid in pids(path))


def test_the_worker_programs_of_some_devices(tmp_path: Path) -> None:
    settings = Settings(worker=WorkerSettings(threads=3))
    one, two = worker_programs(
        settings, [Device(name="gpu:0", gpu="0"), Device(name="gpu:1", gpu="1")], tmp_path
    )
    assert one.pulse != two.pulse
    assert two.environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert two.environment["OMP_NUM_THREADS"] == "3"
    assert two.command[1:5] == ("-m", "workers.worker_process", "--device", "gpu:1")


def test_the_dead_are_restarted_with_growing_pauses(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    with supervising(Program(name="worker cpu", command=script(TOUCH_AND_WAIT, marks))) as run:
        for number in range(1, 4):
            until(lambda number=number: len(pids(marks)) == number, 15)
            os.kill(pids(marks)[-1], signal.SIGKILL)
        until(lambda: len(pids(marks)) == 4, 15)
        assert run.stop() == 0
    assert "worker cpu was killed by SIGKILL; starting it again in 0.5 s" in run.text
    assert "in 2.0 s" in run.text
    assert not lives(pids(marks)[-1])


def test_a_crash_loop_is_called_one() -> None:
    with supervising(Program(name="worker", command=script("import sys; sys.exit(9)"))) as run:
        until(lambda: "4 times in a row" in run.text, 20)
        assert run.stop() == 0
    assert "ended with 9" in run.text


@pytest.mark.parametrize("code", [1, 2])
def test_a_program_that_cannot_run_ends_all_with_its_code(code: int, tmp_path: Path) -> None:
    other = Program(name="other", command=script(TOUCH_AND_WAIT, tmp_path / "marks"))
    bad = Program(
        name="worker", command=script(f"import time; time.sleep(1); raise SystemExit({code})")
    )
    with supervising(other, bad) as run:
        assert run.end() == code
    assert "worker cannot run" in run.text
    assert not any(lives(pid) for pid in pids(tmp_path / "marks"))


def test_a_service_that_goes_away_later_is_waited_for(tmp_path: Path) -> None:
    pulse = tmp_path / "pulse"
    code = """
        import sys
        from pathlib import Path
        from workers.pulse import PulseFile
        PulseFile(Path(sys.argv[1]))(None)
        sys.exit(1)
    """
    program = Program(name="worker", command=script(code, pulse), pulse=pulse)
    with supervising(program) as run:
        until(lambda: run.text.count("starting it again") >= 2, 15)
        assert run.stop() == 0


def test_a_crash_during_an_outage_ends_nobody(tmp_path: Path) -> None:
    pulse, marks = tmp_path / "pulse", tmp_path / "marks"
    code = """
        import os, signal, sys
        from pathlib import Path
        from workers.pulse import PulseFile
        first = not Path(sys.argv[2]).exists()
        open(sys.argv[2], "a").write(f"{os.getpid()}\\n")
        if first:
            PulseFile(Path(sys.argv[1]))(None)
            os.kill(os.getpid(), signal.SIGSEGV)
        sys.exit(1)  # the service that it needs is away now
    """
    program = Program(name="worker", command=script(code, pulse, marks), pulse=pulse)
    with supervising(program) as run:
        until(lambda: len(pids(marks)) >= 3, 15)
        assert run.stop() == 0
    assert "cannot run" not in run.text


def test_a_dispatcher_that_was_ready_is_waited_for(tmp_path: Path) -> None:
    made = dispatcher_program(tmp_path)
    code = "import sys; from workers import readiness; readiness.tell(); sys.exit(1)"
    program = msgspec.structs.replace(made, command=script(code))
    with supervising(program) as run:
        until(lambda: run.text.count("starting it again") >= 2, 15)
        assert run.stop() == 0
    with supervising(msgspec.structs.replace(made, command=script("raise SystemExit(1)"))) as run:
        assert run.end() == 1, "what another run left says nothing of this one"


def test_the_supervisor_imports_nothing_heavy() -> None:
    code = """
        import sys
        import workers.supervisor, workers.cli.running
        heavy = {"tensorflow", "keras", "celery", "kombu", "numpy", "sqlalchemy", "redis", "kafka"}
        print(sorted(heavy & set(sys.modules)))
    """
    result = subprocess.run(script(code), capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
