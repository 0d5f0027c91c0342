"""The supervisor with real processes: draining, hanging, dying."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.unit.supervisor_rig import TOUCH_AND_WAIT, lives, pids, script, supervising
from tests.unit.worker_fakes import until
from workers.supervised import Program


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_children_drain(number: int, tmp_path: Path) -> None:
    done = tmp_path / "drained"
    code = """
        import signal, sys, time
        def drain(*_):
            time.sleep(0.3)
            open(sys.argv[1], "w").close()
            sys.exit(0)
        signal.signal(signal.SIGTERM, drain)
        open(sys.argv[2], "w").close()
        while True: time.sleep(1)
    """
    ready = tmp_path / "ready"
    with supervising(Program(name="worker", command=script(code, done, ready))) as run:
        until(ready.exists, 10)
        assert run.stop(number) == 0
    assert done.exists()
    assert "worker has stopped" in run.text


def test_the_dispatcher_is_stopped_before_the_workers(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = """
        import signal, sys, time
        def leave(*_):
            time.sleep(0.3)
            open(sys.argv[1], "a").write(sys.argv[2] + " ")
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        open(sys.argv[1] + sys.argv[2], "w").close()
        while True: time.sleep(1)
    """
    programs = [
        Program(name="worker", command=script(code, order, "worker")),
        Program(name="dispatcher", command=script(code, order, "dispatcher"), stop_first=True),
    ]
    with supervising(*programs) as run:
        until(lambda: Path(f"{order}worker").exists() and Path(f"{order}dispatcher").exists(), 10)
        assert run.stop() == 0
    assert order.read_text() == "dispatcher worker "


IGNORES_SIGTERM = """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "a").write(f"{os.getpid()}\\n")
    while True: time.sleep(1)
"""


def test_one_that_does_not_drain_is_killed(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    program = Program(name="worker", command=script(IGNORES_SIGTERM, marks))
    with supervising(program, drain=0.5) as run:
        until(lambda: pids(marks), 10)
        assert run.stop() == 0
    assert "did not drain" in run.text
    assert not lives(pids(marks)[0])


def test_a_second_signal_does_not_wait_for_draining(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    with supervising(Program(name="worker", command=script(IGNORES_SIGTERM, marks))) as run:
        until(lambda: pids(marks), 10)
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        started = time.monotonic()
        assert run.stop(signal.SIGINT) == 0
        assert time.monotonic() - started < 5
    assert not lives(pids(marks)[0])


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "one batch for ever"])
def test_one_that_hangs_is_killed_and_started_again(silent: bool, tmp_path: Path) -> None:
    pulse, marks = tmp_path / "pulse", tmp_path / "marks"
    code = """
        import os, sys, time
        from pathlib import Path
        from workers.pulse import PulseFile
        open(sys.argv[2], "a").write(f"{os.getpid()}\\n")
        beat, since = PulseFile(Path(sys.argv[1])), time.monotonic()
        beat(None)
        while True:
            time.sleep(0.05)
            if sys.argv[3] == "False": beat(since)
    """
    program = Program(name="worker", command=script(code, pulse, marks, silent), pulse=pulse)
    with supervising(program, hung=1.0) as run:
        until(lambda: len(pids(marks)) >= 2, 15)
        run.stop()
    assert "hangs; killing it" in run.text


def test_a_supervisor_that_stood_still_itself_kills_nobody(tmp_path: Path) -> None:
    """As when the whole machine was suspended: the child's silence then says nothing."""
    pulse, marks = tmp_path / "pulse", tmp_path / "marks"
    code = """
        import os, sys, time
        from pathlib import Path
        from workers.pulse import PulseFile
        beat = PulseFile(Path(sys.argv[1]))
        beat(None)
        open(sys.argv[2], "a").write(f"{os.getpid()}\\n")
        while True:
            time.sleep(0.05)
            beat(None)
    """
    program = Program(name="worker", command=script(code, pulse, marks), pulse=pulse)
    with supervising(program, hung=2.0) as run:
        until(lambda: len(pids(marks)) == 1, 15)
        both = [run.process.pid, *pids(marks)]
        for pid in both:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        for pid in both:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.5)
        time.sleep(1)
        run.stop()
    assert "hangs" not in run.text
    assert len(pids(marks)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is told by Linux only")
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    with supervising(Program(name="worker", command=script(TOUCH_AND_WAIT, marks))) as run:
        until(lambda: pids(marks), 10)
        run.process.kill()
        until(lambda: not lives(pids(marks)[0]), 5)
