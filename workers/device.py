"""Which devices the worker processes are for, and what must be set before each of them starts.

    cpu            one worker; the system gives it all cores this process may use
    cpu:4          one worker with four cores of its own, the lowest that are free
    cpu:2x4        two workers with four cores of their own each
    cpu:0-3        one worker with these cores, also `cpu:0,2`
    gpu:0          one worker with one GPU, counted as `nvidia-smi` counts
    gpu:0,1        one worker for each of these GPUs, also `gpu:0-3`
    all            one worker for each GPU; without any, `cpu`

Several are joined by commas: `gpu:0,1,cpu:4`. No two workers share a core that one of them was
given, or a GPU. TensorFlow takes every GPU it sees the moment it is imported, and cannot be made to
let go; so what a process may see is decided by its environment, before it exists.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from schemas.errors import UsageError

FORMS = "Use `all`, `gpu:0,1`, `cpu`, `cpu:4` (so many cores), `cpu:2x4` or `cpu:0-3`."
"""The forms, for people."""

_NUMBERS = r"\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*"
_MOST_CORES = 65_536


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker process computes on."""

    name: str
    """For people, and what `parse` reads as this device: `cpu`, `cpu:0-3`, `gpu:0`."""
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
        UsageError: the form is wrong, the machine has no such device, or two workers would share.
    """
    parts = re.split(r",(?=[a-z])", text)
    named = [device for part in parts for device in _named(part, machine)]
    _refuse_sharing(named)
    if "cpu" in parts and len([part for part in parts if part.startswith("cpu")]) > 1:
        raise UsageError("`cpu` is every core, so it has no other cpu beside it: use `cpu:N`.")
    free = sorted(machine.cores - {core for device in named for core in device.cores or ()})
    counted = [slice_ for part in parts for slice_ in _slices(part)]
    if sum(counted) > len(free):
        raise UsageError(
            f"`{text[:40]}` needs {sum(counted)} cores for `cpu:N`, and {len(free)} of this "
            f"machine's {len(machine.cores)} are free for it."
        )
    return named + list(_pinned(counted, free))


def environment(device: Device, threads: int = 0) -> dict[str, str]:
    """Variables that the worker process must be started with.

    Args:
        device: what it computes on.
        threads: of the numeric library; 0 means one for each core that it may use but one, which
            parsing and writing keep busy; beside a GPU TensorFlow chooses.
    """
    variables = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # so that `gpu:1` is the 1 of nvidia-smi
        "CUDA_VISIBLE_DEVICES": "-1" if device.gpu is None else device.gpu,
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    cores = len(device.cores or os.sched_getaffinity(0))
    count = threads or (max(cores - 1, 1) if device.gpu is None else 0)
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


def _named(part: str, machine: Machine) -> list[Device]:
    """The devices of a part that says which; none where it says how many cores."""
    if part == "cpu":
        return [Device(name="cpu")]
    if part == "all":
        gpus = [_gpu(index, machine) for index in range(len(machine.gpus))]
        return gpus or [Device(name="cpu")]
    kind, _, numbers = part.partition(":")
    if kind == "cpu" and re.fullmatch(r"\d{1,5}(x\d{1,5})?", numbers):
        return []
    if kind not in ("cpu", "gpu") or not re.fullmatch(_NUMBERS, numbers):
        raise UsageError(f"`{part[:40]}` is no device. {FORMS}")
    chosen = _range(part, numbers)
    return [_gpu(n, machine) for n in chosen] if kind == "gpu" else [_cores(chosen, machine)]


def _slices(part: str) -> list[int]:
    """How many cores each worker of `cpu:N` or `cpu:MxN` gets; none for other forms."""
    counts = re.fullmatch(r"cpu:(?:(\d{1,5})x)?(\d{1,5})", part)
    if counts is None:
        return []
    workers, cores = int(counts[1] or 1), int(counts[2])
    if not workers or not cores:
        raise UsageError(
            f"`{part}` asks for nothing: the number counts cores. `cpu:0-0` is the core 0."
        )
    return [cores] * workers


def _pinned(counts: Sequence[int], free: Sequence[int]) -> Iterator[Device]:
    """A device for each count, of the lowest cores that are left."""
    taken = 0
    for count in counts:
        cores = tuple(free[taken : taken + count])
        taken += count
        yield Device(name=_name(cores), cores=cores)


def _refuse_sharing(devices: Sequence[Device]) -> None:
    """Two workers on one GPU or one core would only wait for each other."""
    given: set[int] = set()
    names = [device.name for device in devices]
    for device in devices:
        if names.count(device.name) > 1 or given & set(device.cores or ()):
            raise UsageError(f"{device.name} is given to two workers; name each device once.")
        given |= set(device.cores or ())


def _name(cores: Sequence[int]) -> str:
    """`cpu:0-2,5` for (0, 1, 2, 5); one core as a range, since `cpu:5` would be five."""
    runs: list[list[int]] = []
    for core in cores:
        if runs and core == runs[-1][1] + 1:
            runs[-1][1] = core
        else:
            runs.append([core, core])
    shown = [str(a) if a == b and len(runs) > 1 else f"{a}-{b}" for a, b in runs]
    return "cpu:" + ",".join(shown)


def _gpu(index: int, machine: Machine) -> Device:
    if index >= len(machine.gpus):
        raise UsageError(f"There is no gpu:{index} here: {_there_are(machine.gpus)}")
    return Device(name=f"gpu:{index}", gpu=machine.gpus[index])


def _there_are(gpus: Sequence[str]) -> str:
    if not gpus:
        return "no GPU is visible. Is NVIDIA's driver installed? `--devices cpu` works without."
    return f"{len(gpus)} visible, gpu:0 to gpu:{len(gpus) - 1}."


def _range(part: str, numbers: str) -> tuple[int, ...]:
    """`0-2,5` as (0, 1, 2, 5)."""
    chosen: set[int] = set()
    for one in numbers.split(","):
        first, _, last = one.partition("-")
        if not int(first) <= int(last or first) < _MOST_CORES:
            raise UsageError(f"`{part[:40]}` is no range. {FORMS}")
        chosen |= set(range(int(first), int(last or first) + 1))
    return tuple(sorted(chosen))


def _cores(cores: tuple[int, ...], machine: Machine) -> Device:
    if missing := sorted(set(cores) - machine.cores):
        usable = _name(sorted(machine.cores)).removeprefix("cpu:")
        raise UsageError(f"Cores {missing[:8]} cannot be used here; these can: {usable}.")
    return Device(name=_name(cores), cores=cores)
