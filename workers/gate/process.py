"""Running the trial in a process of its own, within limits."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from schemas.errors import ArtifactError
from workers import child
from workers.device import Device, environment
from workers.gate.report import Trial

_GIVEN: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")
"""Variables that are handed on; none of Textmill's is, since they may hold passwords."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial may take."""

    seconds: float
    memory_mib: int


def run(directory: Path, device: Device, limits: Limits) -> Trial:
    """Try a version on a device.

    Raises:
        ArtifactError: the process died, hung or said nothing that can be read; the reason alone.
    """
    with tempfile.TemporaryDirectory(prefix="textmill-trial-") as folder:
        report = Path(folder) / "report.json"
        arguments = [
            str(directory),
            "--memory-mib",
            str(limits.memory_mib),
            "--report",
            str(report),
        ]
        program = [sys.executable, "-m", "workers.gate.trial", *arguments]
        code = _ended(child.command(program, os.getpid(), device.cores), device, limits)
        if code == 0 and report.exists():
            return _read(report)
    raise ArtifactError(_why(code, limits))


def _ended(command: list[str], device: Device, limits: Limits) -> int | None:
    """The exit code; None where it was ended after the time limit."""
    variables = {name: os.environ[name] for name in _GIVEN if name in os.environ}
    with subprocess.Popen(
        command,
        env=variables | environment(device),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _read(report: Path) -> Trial:
    try:
        return msgspec.json.decode(report.read_bytes(), type=Trial)
    except msgspec.DecodeError as error:
        raise ArtifactError("its process left a report that cannot be read") from error


def _why(code: int | None, limits: Limits) -> str:
    if code is None:
        return f"it was not ready within {limits.seconds:g} s (`models.trial_s`)"
    if code < 0:
        died = f"its process was ended by {signal.Signals(-code).name}"
    else:
        died = f"its process ended with {code}"
    return f"{died}; {limits.memory_mib} MiB were allowed (`models.trial_memory_mib`)"
