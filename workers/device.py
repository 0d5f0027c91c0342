"""Which device a worker process is for, and what must be set before that process starts.

    cpu        all cores this process may use
    cpu:0-3    these cores only, also `cpu:0,2`
    gpu:0      one GPU, counted as `nvidia-smi` counts
    all        one process for each GPU; without any, `cpu`

TensorFlow takes every GPU it sees the moment it is imported, and cannot be made to let go; so what
a process may see is decided by its environment, before it exists.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from schemas.errors import UsageError

FORMS = "Use `cpu`, `cpu:0-3`, `cpu:0,2`, `gpu:0` or `all`."


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker process computes on."""

    name: str
    """As a person wrote it: `cpu`, `cpu:0-3`, `gpu:0`."""
    cores: tuple[int, ...] | None = None
    """Cores to be pinned to; None leaves the choice to the system."""
    gpu: str | None = None
    """What CUDA is to see, an index or a UUID; None for a worker without GPU."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to choose from."""

    cores: frozenset[int]
    gpus: tuple[str, ...] = ()
    """What CUDA_VISIBLE_DEVICES calls each GPU, in order."""


def parse(text: str, machine: Machine) -> list[Device]:
    """The devices that `text` names, one for each worker process.

    Raises:
        UsageError: the form is wrong, or the machine has no such device.
    """
    if text == "cpu":
        return [Device(name="cpu")]
    if text == "all":
        gpus = [_gpu(index, machine) for index in range(len(machine.gpus))]
        return gpus or [Device(name="cpu")]
    if cores := re.fullmatch(r"cpu:(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)", text):
        return [Device(name=text, cores=_cores(cores[1], machine))]
    if index := re.fullmatch(r"gpu:(\d{1,4})", text):
        return [_gpu(int(index[1]), machine)]
    raise UsageError(f"`{text[:40]}` is no device. {FORMS}")


def environment(device: Device, threads: int = 0) -> dict[str, str]:
    """Variables that the worker process must be started with.

    Args:
        device: what it computes on.
        threads: of the numeric library; 0 means one for each core it is pinned to, and leaves the
            number to TensorFlow where it is pinned to none.
    """
    variables = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # so that `gpu:1` is the 1 of nvidia-smi
        "CUDA_VISIBLE_DEVICES": "-1" if device.gpu is None else device.gpu,
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    count = threads or len(device.cores or ())
    if count:
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        variables |= dict.fromkeys(names, str(count))
    return variables


def this_machine(environ: Mapping[str, str] | None = None, dev: Path = Path("/dev")) -> Machine:
    """The cores and GPUs that this process may use."""
    environ = os.environ if environ is None else environ
    return Machine(cores=frozenset(os.sched_getaffinity(0)), gpus=_gpus(environ, dev))


def _gpus(environ: Mapping[str, str], dev: Path) -> tuple[str, ...]:
    """A scheduler may have chosen for us; else every node that NVIDIA's driver has made."""
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        chosen = [one.strip() for one in visible.split(",")]
        return tuple(one for one in chosen if one and not one.startswith("-"))
    nodes = [path for path in dev.glob("nvidia[0-9]*") if path.name[6:].isdigit()]
    return tuple(str(index) for index in range(len(nodes)))


def _gpu(index: int, machine: Machine) -> Device:
    if index >= len(machine.gpus):
        raise UsageError(f"There is no gpu:{index} here: {_there_are(machine.gpus)}")
    return Device(name=f"gpu:{index}", gpu=machine.gpus[index])


def _there_are(gpus: Sequence[str]) -> str:
    if not gpus:
        return "no GPU is visible. Is NVIDIA's driver installed? `--device cpu` works without."
    return f"{len(gpus)} visible, gpu:0 to gpu:{len(gpus) - 1}."


def _cores(text: str, machine: Machine) -> tuple[int, ...]:
    cores: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if int(last or first) > 65_535 or int(last or first) < int(first):
            raise UsageError(f"`cpu:{text[:40]}` is no range of cores. {FORMS}")
        cores |= set(range(int(first), int(last or first) + 1))
    if missing := sorted(cores - machine.cores):
        usable = sorted(machine.cores)
        raise UsageError(f"Cores {missing[:8]} cannot be used here; these can: {usable}.")
    return tuple(sorted(cores))
