"""Devices: what a person may write, and what a process must be started with."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from workers.device import Device, Machine, environment, parse, this_machine

LAPTOP = Machine(cores=frozenset(range(8)))
GAPS = Machine(cores=frozenset({1, 4, 5}))
SERVER = Machine(cores=frozenset(range(64)), gpus=("0", "1", "2", "3"))


def cpu(name: str, *cores: int) -> Device:
    return Device(name=name, cores=cores)


def gpu(index: int) -> Device:
    return Device(name=f"gpu:{index}", gpu=str(index))


@pytest.mark.parametrize(
    ("text", "machine", "devices"),
    [
        ("cpu", LAPTOP, [Device(name="cpu")]),
        ("cpu:0-3", LAPTOP, [cpu("cpu:0-3", 0, 1, 2, 3)]),
        ("cpu:0,2", LAPTOP, [cpu("cpu:0,2", 0, 2)]),
        ("cpu:5-5", LAPTOP, [cpu("cpu:5-5", 5)]),
        ("cpu:6-7,0-1,1", LAPTOP, [cpu("cpu:0-1,6-7", 0, 1, 6, 7)]),
        ("cpu:4", LAPTOP, [cpu("cpu:0-3", 0, 1, 2, 3)]),
        ("cpu:2x3", LAPTOP, [cpu("cpu:0-2", 0, 1, 2), cpu("cpu:3-5", 3, 4, 5)]),
        ("cpu:2,cpu:1", LAPTOP, [cpu("cpu:0-1", 0, 1), cpu("cpu:2-2", 2)]),
        (
            "cpu:1,cpu:0-1,cpu:2",
            LAPTOP,
            [cpu("cpu:0-1", 0, 1), cpu("cpu:2-2", 2), cpu("cpu:3-4", 3, 4)],
        ),
        ("cpu:2", GAPS, [cpu("cpu:1,4", 1, 4)]),
        ("gpu:3", SERVER, [gpu(3)]),
        ("gpu:0,2", SERVER, [gpu(0), gpu(2)]),
        ("gpu:1-3", SERVER, [gpu(1), gpu(2), gpu(3)]),
        ("gpu:0,1,cpu:2", SERVER, [gpu(0), gpu(1), cpu("cpu:0-1", 0, 1)]),
        ("all", LAPTOP, [Device(name="cpu")]),
        ("all", SERVER, [gpu(n) for n in range(4)]),
    ],
)
def test_what_a_person_may_write(text: str, machine: Machine, devices: list[Device]) -> None:
    assert parse(text, machine) == devices


@pytest.mark.parametrize(
    ("text", "machine", "hint"),
    [
        ("", LAPTOP, "is no device"),
        ("gpu", SERVER, "is no device"),
        ("gpu:-1", SERVER, "is no device"),
        ("gpu:x", SERVER, "is no device"),
        ("cpu:", LAPTOP, "is no device"),
        ("cpu:1-", LAPTOP, "is no device"),
        ("tpu:0", SERVER, "is no device"),
        ("cpu:3-1", LAPTOP, "no range"),
        ("cpu:0-99999999", LAPTOP, "no range"),
        ("cpu:7-9", LAPTOP, r"Cores \[8, 9\] cannot be used here; these can: 0-7"),
        ("cpu:9", LAPTOP, r"needs 9 cores for `cpu:N`, and 8 of this machine's 8 are free"),
        ("cpu:3x3", LAPTOP, "needs 9 cores"),
        ("cpu:7,cpu:0-1", LAPTOP, "needs 7 cores for `cpu:N`, and 6 of"),
        ("cpu:0", LAPTOP, "`cpu:0-0` is the core 0"),
        ("cpu:0x2", LAPTOP, "asks for nothing"),
        ("cpu:0-2,cpu:2-3", LAPTOP, "cpu:2-3 is given to two workers"),
        ("gpu:1,gpu:0-1", SERVER, "gpu:1 is given to two workers"),
        ("all,gpu:0", SERVER, "gpu:0 is given to two workers"),
        ("cpu,cpu:2", LAPTOP, "`cpu` is every core"),
        ("cpu,cpu", LAPTOP, "cpu is given to two workers"),
        ("gpu:0,,cpu", SERVER, "is no device"),
        ("gpu:0,", SERVER, "is no device"),
        ("gpu:0", LAPTOP, "no GPU is visible"),
        ("gpu:4", SERVER, "4 visible, gpu:0 to gpu:3"),
    ],
)
def test_what_is_refused_in_a_sentence(text: str, machine: Machine, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        parse(text, machine)


def test_a_cpu_worker_sees_no_gpu() -> None:
    variables = environment(Device(name="cpu"))
    assert variables["CUDA_VISIBLE_DEVICES"] == "-1", "an empty one would be restored as all"
    assert variables["OMP_NUM_THREADS"] == str(max(len(os.sched_getaffinity(0)) - 1, 1))


def test_a_gpu_worker_sees_its_own_only_as_nvidia_smi_counts() -> None:
    variables = environment(Device(name="gpu:2", gpu="2"))
    assert variables["CUDA_VISIBLE_DEVICES"] == "2"
    assert "OMP_NUM_THREADS" not in variables
    assert variables["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert variables["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


@pytest.mark.parametrize(
    ("device", "threads", "count"),
    [
        (Device(name="cpu:0-3", cores=(0, 1, 2, 3)), 0, "3"),
        (Device(name="cpu:0", cores=(0,)), 0, "1"),
        (Device(name="cpu:0-3", cores=(0, 1, 2, 3)), 2, "2"),
        (Device(name="gpu:0", gpu="0"), 6, "6"),
    ],
)
def test_threads_of_the_numeric_library(device: Device, threads: int, count: str) -> None:
    variables = environment(device, threads)
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    assert [variables[name] for name in names] == [count] * 3


def test_gpus_are_those_the_driver_has_made(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps", "null"):
        (tmp_path / name).touch()
    assert this_machine({}, tmp_path).gpus == ("0", "1")


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [("2,3", ("2", "3")), ("GPU-5f", ("GPU-5f",)), ("-1", ()), ("", ()), (" 1 , 0", ("1", "0"))],
)
def test_a_scheduler_may_have_chosen_the_gpus(
    visible: str, gpus: tuple[str, ...], tmp_path: Path
) -> None:
    machine = this_machine({"CUDA_VISIBLE_DEVICES": visible}, tmp_path)
    assert machine.gpus == gpus
    if gpus:
        (device,) = parse("gpu:0", machine)
        assert environment(device)["CUDA_VISIBLE_DEVICES"] == gpus[0]


def test_cores_are_those_this_process_may_use() -> None:
    assert this_machine({}).cores


@given(st.sets(st.integers(0, 40), min_size=1), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_every_slice_has_its_size_and_shares_nothing(cores: set[int], counts: list[int]) -> None:
    machine = Machine(cores=frozenset(cores))
    text = ",".join(f"cpu:{count}" for count in counts)
    if sum(counts) > len(cores):
        with pytest.raises(UsageError, match="are free for it"):
            parse(text, machine)
        return
    devices = parse(text, machine)
    given_out = [core for device in devices for core in device.cores or ()]
    assert [len(device.cores or ()) for device in devices] == counts
    assert len(given_out) == len(set(given_out))
    assert set(given_out) <= cores
    assert [parse(device.name, machine) for device in devices] == [[d] for d in devices]
