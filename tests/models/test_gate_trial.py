"""The trial on real files: what a good version shows, and why each bad one is refused."""

import io
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest

from models import artifact, container
from models.live_model import LiveModel
from schemas.errors import ArtifactError
from schemas.prediction import Prediction
from schemas.question import Question
from workers import child
from workers.device import Device
from workers.gate import process, shapes
from workers.gate.trial import Subject, tried


def resealed(folder: Path, version: Path, change: Callable[[Any], None], **fields: Any) -> Path:
    """A version with changed weights and manifest whose digests fit, as an evil hand makes it."""
    manifest = msgspec.structs.replace(artifact.read_manifest(version), **fields)
    parts = folder / "parts"
    shutil.copytree(version, parts)
    with zipfile.ZipFile(version / artifact.WEIGHTS) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    weights = io.BytesIO(members[container.WEIGHTS])
    with h5py.File(weights, "r+") as file:
        change(file)
    members[container.WEIGHTS] = weights.getvalue()
    with zipfile.ZipFile(parts / artifact.WEIGHTS, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    artifact.save(folder / "v", manifest, {name: parts / name for name in artifact.MEMBERS})
    return folder / "v"


def arrays(file: Any) -> list[Any]:
    found: list[Any] = []
    file.visititems(lambda _, one: found.append(one) if isinstance(one, h5py.Dataset) else None)
    return found


def as_it_is(file: Any) -> None:
    """Change nothing."""


def not_a_number(file: Any) -> None:
    for one in arrays(file):
        one[...] = np.nan


def elsewhere(file: Any) -> None:
    file["link"] = h5py.ExternalLink("/etc/passwd", "/")


def objects(file: Any) -> None:
    file["pickled"] = np.array([b"x", b"longer"], dtype=h5py.special_dtype(vlen=bytes))


def bomb(file: Any) -> None:
    file.create_dataset("zeros", shape=(10**9,), dtype="f4", compression="gzip", chunks=(10**6,))


def reason(version: Path) -> str:
    trial = tried(Subject(version))
    assert trial.measured is None
    assert not trial.checks[-1].ok
    return f"{trial.checks[-1].name}: {trial.checks[-1].reason}"


def test_a_good_version_passes_in_a_process_of_its_own(version: Path) -> None:
    limits = process.Limits(seconds=240, memory_mib=4096)
    trial = process.run(version, Device(name="cpu"), limits)
    assert [check.name for check in trial.checks if check.ok] == [
        *("load", "finite", "samples", "builds", "shapes", "speed")
    ]
    assert trial.digest == artifact.digest(artifact.read_manifest(version))
    assert trial.measured is not None
    assert trial.measured.memory_bytes >= trial.measured.weight_bytes > 0
    assert min(seconds for _, _, seconds in trial.measured.timings) > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (not_a_number, "finite: .*not finite"),
        (elsewhere, "load: .*point elsewhere"),
        (objects, "load: .*no plain array"),
        (bomb, "load: .*as a bomb does"),
    ],
)
def test_hostile_weights(tmp_path: Path, version: Path, change: Any, said: str) -> None:
    assert re.match(said, reason(resealed(tmp_path, version, change)))


def test_another_signature(tmp_path: Path, version: Path) -> None:
    wrong = resealed(tmp_path, version, as_it_is, labels=("a", "b"))
    assert "labels and architecture do not fit" in reason(wrong)


def test_another_answer_than_the_sample(tmp_path: Path, version: Path) -> None:
    sample = artifact.read_manifest(version).samples[0]
    other = msgspec.structs.replace(sample.prediction, scores={"x": 0.9, "y": 0.1})
    changed = (msgspec.structs.replace(sample, prediction=other),)
    assert "sample answer" in reason(resealed(tmp_path, version, as_it_is, samples=changed))


def test_no_sample_at_all(tmp_path: Path, version: Path) -> None:
    assert "no samples" in reason(resealed(tmp_path, version, as_it_is, samples=()))


class Leaking(LiveModel):
    """Answers that depend on how many texts are asked together."""

    def predict(self, features: Any) -> list[Prediction]:
        answers = super().predict(features)
        drift = 1e-3 if len(answers) > 2 else 0.0
        return [self._moved(answer, drift) for answer in answers]

    @staticmethod
    def _moved(answer: Prediction, drift: float) -> Prediction:
        scores = {label: score + drift for label, score in answer.scores.items()}
        return msgspec.structs.replace(answer, scores=scores)


def questions() -> Sequence[Question]:
    return [Question("play the music again " * count) for count in range(1, 30)]


def test_an_answer_that_depends_on_its_company_is_noticed(version: Path) -> None:
    assert shapes.check(LiveModel.load(version), questions(), 100) == (82, 82)
    with pytest.raises(ArtifactError, match="array of 3 texts of 8 tokens"):
        shapes.check(Leaking.load(version), questions(), 100)


def test_a_slow_version_is_tried_in_six_shapes(version: Path) -> None:
    assert shapes.check(LiveModel.load(version), questions(), 100, within_s=0.0) == (6, 82)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import time; time.sleep(60)", "not ready within 1 s"),
        ("import os; os.abort()", "ended by SIGABRT"),
        ("raise SystemExit(3)", "ended with 3"),
        ("pass", "ended with 0"),
    ],
)
def test_a_trial_that_dies_or_hangs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, said: str
) -> None:
    monkeypatch.setattr(child, "command", lambda *_: [sys.executable, "-c", program])
    with pytest.raises(ArtifactError, match=said):
        process.run(tmp_path, Device(name="cpu"), process.Limits(seconds=1, memory_mib=4096))


def test_a_trial_sees_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    program = f"import os; open({str(seen)!r}, 'w').write(' '.join(os.environ))"
    monkeypatch.setattr(child, "command", lambda *_: [sys.executable, "-c", program])
    monkeypatch.setenv("TEXTMILL_DATABASE__URL", "postgresql://user:secret@host/db")
    with pytest.raises(ArtifactError):
        process.run(tmp_path, Device(name="cpu"), process.Limits(seconds=20, memory_mib=4096))
    assert "TEXTMILL" not in seen.read_text()
    assert "CUDA_VISIBLE_DEVICES" in seen.read_text()


def test_too_little_memory_is_a_reason(version: Path) -> None:
    limits = process.Limits(seconds=120, memory_mib=64)
    with pytest.raises(ArtifactError, match="64 MiB were allowed"):
        process.run(version, Device(name="cpu"), limits)
