"""Restarting, giving up and taking for hung: the supervisor's rules, without processes."""

from pathlib import Path

import pytest

from workers import pulse
from workers.pulse import Beat, PulseFile
from workers.supervised import EXIT_BROKEN, Restarts, in_words, is_final


def test_the_pause_doubles_to_half_a_minute_for_one_that_never_gets_ready() -> None:
    restarts = Restarts()
    pauses = [restarts.pause_s(1.0, was_ready=False) for _ in range(9)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert restarts.in_a_loop


def test_one_that_was_ready_comes_back_within_seconds() -> None:
    restarts = Restarts()
    assert [restarts.pause_s(5.0, was_ready=True) for _ in range(6)] == [0.5, 1, 2, 4, 4, 4]


def test_a_long_life_forgets_earlier_failures() -> None:
    restarts = Restarts()
    for _ in range(6):
        restarts.pause_s(1.0, was_ready=True)
    assert restarts.pause_s(61.0, was_ready=True) == 0.5
    assert not restarts.in_a_loop


@pytest.mark.parametrize(
    ("exit_code", "ever_ready", "final"),
    [
        (2, False, True),
        (2, True, True),
        (1, False, True),
        (1, True, False),
        (0, True, False),
        (-9, False, False),
        (EXIT_BROKEN, True, False),
    ],
)
def test_what_would_fail_again_is_not_started_again(
    exit_code: int, ever_ready: bool, final: bool
) -> None:
    assert is_final(exit_code, ever_ready) is final


def test_an_end_in_words() -> None:
    assert in_words(-11) == "was killed by SIGSEGV"
    assert in_words(3) == "ended with 3"
    assert in_words(EXIT_BROKEN) == "broke down"


@pytest.mark.parametrize(
    ("beat", "hangs"),
    [
        (Beat(at=1000.0, running_since=None), False),
        (Beat(at=1000.0, running_since=890.0), False),
        (Beat(at=1000.0, running_since=879.0), True),
        (Beat(at=879.0, running_since=None), True),
        (Beat(at=879.0, running_since=878.0), True),
    ],
    ids=["idle", "running", "batch too long", "silent when idle", "silent with a batch"],
)
def test_a_hang_is_a_batch_or_a_silence_that_lasts(beat: Beat, hangs: bool) -> None:
    assert pulse.hangs(beat, 1000.0, limit_s=120.0) is hangs


def test_the_pulse_tells_since_when_a_batch_runs(tmp_path: Path) -> None:
    path = tmp_path / "pulse"
    beat = PulseFile(path)
    assert pulse.read(path) is None, "not ready before the first beat"
    beat(None)
    first = pulse.read(path)
    assert first is not None
    assert first.running_since is None
    beat(123.5)
    second = pulse.read(path)
    assert second is not None
    assert second.running_since == 123.5
    assert second.at >= first.at
    assert pulse.read(tmp_path / "none") is None
