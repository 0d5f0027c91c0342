"""Training in two processes: what one process learns from the joint batch, and ends that are told.

The person's command begins a training in two processes, one of which is killed; the rest is learnt
after `--resume`, again by two, and the network is the one that a single process learns.
"""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from models.live_model import LiveModel
from models.training import config as recipes
from models.training import run
from models.training.observer import Silent
from schemas.task import Task
from tests.models.training_rig import begin, wait_for_mid_epoch, write_corpus

RECIPE = """
storage = "float32"
[encoder]
type = "textcnn"
length = 16
embedding = 16
filters = 16
widths = [1, 2]
dropout = 0.0
[head]
type = "classification"
dropout = 0.0
[fit]
epochs = 20
patience = 20
batch_size = 16
class_weights = "balanced"
average = 0.9
report_every = 4
checkpoint_every = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    write_corpus(folder, 75)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def _train(folder: Path, out: str, processes: int, resume: bool = False) -> list[np.ndarray]:
    request = run.Request(
        name="toy-en",
        task=Task.SENTIMENT,
        lang="en",
        train=(folder / "train.jsonl",),
        dev=(folder / "dev.jsonl",),
        config=recipes.load(folder / "recipe.toml", Task.SENTIMENT),
        out=folder / out,
        resume=resume,
    )
    run.train(request, Silent(), processes)
    return list(LiveModel.load(folder / out).network.get_weights())


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if b"member" in _command(int(child))]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture(scope="module")
def killed(folder: Path) -> "subprocess.Popen[str]":
    """A training of two processes, the second of which was killed in mid epoch."""
    process = begin(folder, "shared", "--processes", "2")
    try:
        wait_for_mid_epoch(folder / "shared.training" / "progress.json", process)
        (member,) = _children(process.pid)
        os.kill(member, signal.SIGKILL)
        process.wait(60)
        return process
    except BaseException:
        process.kill()
        process.communicate()
        raise


def test_a_process_that_dies_ends_the_training_with_one_line(
    folder: Path, killed: "subprocess.Popen[str]"
) -> None:
    _, said = killed.communicate()
    assert killed.returncode == 1, said
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert last.startswith("textmill: process 2 of the training was killed by signal 9; ")
    assert last.endswith("go on with --resume")
    assert not (folder / "shared").exists()


def test_two_processes_learn_what_one_learns_from_the_joint_batch(
    folder: Path, killed: "subprocess.Popen[str]"
) -> None:
    joint = _train(folder, "shared", processes=2, resume=True)
    alone = _train(folder, "alone", processes=1)
    for one, other in zip(alone, joint, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    first, second = (LiveModel.load(folder / out).manifest for out in ("alone", "shared"))
    assert first.metrics == second.metrics
