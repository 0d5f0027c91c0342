"""Devices: what a person may write, and what a process must be started with."""

from pathlib import Path

import pytest

from schemas.errors import UsageError
from workers.device import Device, Machine, environment, parse, this_machine

LAPTOP = Machine(cores=frozenset(range(8)))
SERVER = Machine(cores=frozenset(range(64)), gpus=("0", "1", "2", "3"))


@pytest.mark.parametrize(
    ("text", "machine", "devices"),
    [
        ("cpu", LAPTOP, [Device(name="cpu")]),
        ("cpu:0-3", LAPTOP, [Device(name="cpu:0-3", cores=(0, 1, 2, 3))]),
        ("cpu:0,2", LAPTOP, [Device(name="cpu:0,2", cores=(0, 2))]),
        ("cpu:5", LAPTOP, [Device(name="cpu:5", cores=(5,))]),
        ("cpu:6-7,0-1,1", LAPTOP, [Device(name="cpu:6-7,0-1,1", cores=(0, 1, 6, 7))]),
        ("gpu:3", SERVER, [Device(name="gpu:3", gpu="3")]),
        ("all", LAPTOP, [Device(name="cpu")]),
        ("all", SERVER, [Device(name=f"gpu:{n}", gpu=str(n)) for n in range(4)]),
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
        ("cpu:7-9", LAPTOP, r"Cores \[8, 9\] cannot be used"),
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
    assert "OMP_NUM_THREADS" not in variables


def test_a_gpu_worker_sees_its_own_only_as_nvidia_smi_counts() -> None:
    variables = environment(Device(name="gpu:2", gpu="2"))
    assert variables["CUDA_VISIBLE_DEVICES"] == "2"
    assert variables["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert variables["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


@pytest.mark.parametrize(
    ("device", "threads", "count"),
    [
        (Device(name="cpu:0-3", cores=(0, 1, 2, 3)), 0, "4"),
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
