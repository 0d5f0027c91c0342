"""The examination: what is compared, what ends it, and what a trial's end means."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models import artifact
from schemas.errors import ArtifactError
from schemas.model_version import Manifest
from schemas.settings import Settings
from schemas.task import Task
from tests.unit.test_artifact import MANIFEST
from tests.unit.test_container import keras_file
from workers.assembly import Store
from workers.device import Device
from workers.gate.gate import Gate, keep_costs
from workers.gate.interface import differences
from workers.gate.report import Check, Measured, Trial

PASSED = Trial(
    checks=(Check(name="load", ok=True),),
    measured=Measured(timings=((1, 16, 0.002), (32, 64, 0.03)), memory_bytes=9, weight_bytes=4),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(Settings(data_dir=str(tmp_path / "data"))) as opened:
        yield opened


def directory(tmp_path: Path, name: str, **fields: Any) -> Path:
    """A version whose files are as they should be, though no network."""
    parts = tmp_path / f"{name}.parts"
    parts.mkdir()
    for member in (artifact.TOKENIZER, artifact.CARD):
        (parts / member).write_text(name)
    keras_file(parts / artifact.WEIGHTS)
    files = {member: parts / member for member in artifact.MEMBERS}
    artifact.save(tmp_path / name, msgspec.structs.replace(MANIFEST, **fields), files)
    return tmp_path / name


def gate(store: Store, trial: Callable[[Path], Trial] = lambda _: PASSED) -> Gate:
    return Gate(store.registry, Device(name="cpu:0-3"), trial)


def made_live(store: Store, tmp_path: Path) -> Manifest:
    """A live version of the model `toy` that knows labels a, b and c."""
    live = artifact.read_manifest(directory(tmp_path, "live", labels=("a", "b", "c")))
    version = store.registry.register(live, artifact.digest(live), tmp_path / "live")
    store.registry.route(Task.CLASSIFICATION, "en", version)
    return live


def test_what_passes_is_entered_with_its_costs(store: Store, tmp_path: Path) -> None:
    path = directory(tmp_path, "v")
    manifest, report = gate(store).examine(path)
    assert manifest is not None
    assert [check.name for check in report.checks] == ["files", "interface", "load"]
    version = store.registry.register(manifest, report.digest, path)
    keep_costs(store.profiles, version, report)
    (profile,) = store.profiles.profiles()
    assert (profile.version_id, profile.kind, profile.batches) == (version.version_id, "cpu/4", 0)
    assert sum(profile.prices) > 0


def test_what_was_learnt_from_batches_stands(store: Store, tmp_path: Path) -> None:
    path = directory(tmp_path, "v")
    manifest, report = gate(store).examine(path)
    assert manifest is not None
    version = store.registry.register(manifest, report.digest, path)
    keep_costs(store.profiles, version, report)
    learnt = msgspec.structs.replace(
        store.profiles.profiles()[0], prices=(1.0, 1.0, 1.0), batches=9
    )
    store.profiles.keep([learnt])
    keep_costs(store.profiles, version, report)
    assert store.profiles.profiles() == [learnt]


def test_damaged_files_are_never_tried(store: Store, tmp_path: Path) -> None:
    path = directory(tmp_path, "v")
    (path / artifact.TOKENIZER).write_text("another")
    manifest, report = gate(store, pytest.fail).examine(path)
    assert manifest is None
    assert report.reason.startswith("files: ")
    assert "damaged" in report.reason


def test_what_lacks_a_label_of_the_live_version_is_refused(store: Store, tmp_path: Path) -> None:
    made_live(store, tmp_path)
    path = directory(tmp_path, "v", labels=("a", "b"))
    manifest, report = gate(store, pytest.fail).examine(path)
    assert manifest is None
    assert "cannot stand in for toy@1" in report.reason
    assert "for classification: c" in report.reason


def test_force_lets_it_in_and_says_what_was_let_pass(store: Store, tmp_path: Path) -> None:
    made_live(store, tmp_path)
    path = directory(tmp_path, "v", labels=("a", "b"))
    manifest, report = gate(store).examine(path, force=True)
    assert manifest is not None
    assert report.forced == ("it lacks labels of the live version for classification: c",)


def test_a_superset_is_compatible(store: Store, tmp_path: Path) -> None:
    live = made_live(store, tmp_path)
    more = msgspec.structs.replace(
        live, labels=("d", "c", "b", "a"), languages=("zh", "en"), further={Task.TAGGING: ("O",)}
    )
    assert differences(more, live) == ()


def test_every_difference_is_said(store: Store, tmp_path: Path) -> None:
    live = made_live(store, tmp_path)
    other = msgspec.structs.replace(live, languages=("zh",), labels=("a",))
    elsewhere = msgspec.structs.replace(live, task=Task.TAGGING)
    assert len(differences(other, live)) == 2
    assert differences(elsewhere, live) == (
        "it does not answer classification, as the live version does",
    )


def test_a_trial_that_fails_is_the_reason(store: Store, tmp_path: Path) -> None:
    def dies(_: Path) -> Trial:
        raise ArtifactError("its process was ended by SIGSEGV")

    failed = Trial(checks=(Check(name="samples", ok=False, reason="another answer"),))
    path = directory(tmp_path, "v")
    for trial, reason in ((dies, "load: its process was ended by SIGSEGV"), (lambda _: failed, "")):
        manifest, report = gate(store, trial).examine(path)
        assert manifest is None
        assert report.reason == (reason or "samples: another answer")
    assert store.registry.versions() == []


def test_files_that_change_meanwhile_are_noticed(store: Store, tmp_path: Path) -> None:
    other = msgspec.structs.replace(PASSED, digest="0" * 64)
    manifest, report = gate(store, lambda _: other).examine(directory(tmp_path, "v"))
    assert manifest is None
    assert "changed while" in report.reason
