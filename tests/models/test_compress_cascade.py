"""`textmill compress cascade`: a directory that is tuned, checked, registered and told of."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from models import artifact, loading
from models.live_model import LiveModel
from schemas.errors import ArtifactError, DataError, SettingsError
from tests.models.cascade_version import MANY, part
from tests.models.training_rig import here
from workers.artifact_store import ArtifactStore
from workers.cli import app
from workers.gate.trial import Subject, tried

TEXTS = [f"{text} {number}" for text in MANY for number in range(3)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A cascade, and what the command said; its dev labels are what the strong version says."""
    folder = tmp_path_factory.mktemp("made")
    strong, cheap = part(folder, "strong"), part(folder / "like", "strong", noise=0.05)
    answers = LiveModel.load(strong).predict_texts(TEXTS)
    pairs = zip(TEXTS, answers, strict=True)
    lines = [json.dumps({"text": text, "label": one.label}) for text, one in pairs]
    (folder / "dev.jsonl").write_text("\n".join(lines) + "\n")
    said = here(*command(folder, cheap, strong), "--min-agreement", 0.95)
    return folder, json.loads(said)


def command(folder: Path, cheap: Path, strong: Path, out: str = "both") -> tuple[object, ...]:
    dev = folder / "dev.jsonl"
    files = ("--cheap", cheap, "--strong", strong, "--dev", dev, "--out", folder / out)
    return ("compress", "cascade", *files)


def parts(folder: Path) -> tuple[Path, Path]:
    return folder / "like" / "strong" / "v", folder / "strong" / "v"


def test_it_keeps_its_promise_and_says_what_it_is(made: tuple[Path, dict[str, Any]]) -> None:
    folder, said = made
    model, strong = loading.load(folder / "both"), LiveModel.load(parts(folder)[1])
    ours, theirs = model.predict_texts(TEXTS), strong.predict_texts(TEXTS)
    same = [one.label == other.label for one, other in zip(ours, theirs, strict=True)]
    early = [one.build == "cheap" for one in ours]
    assert 0.95 <= said["agreement"] <= 1
    assert sum(same) / len(same) == pytest.approx(said["agreement"], abs=1e-4)
    assert sum(early) / len(early) == pytest.approx(said["early_share"])
    assert 0.1 < said["early_share"] < 1
    assert said["loss"] == pytest.approx(100 * (1 - sum(same) / len(same)), abs=1e-3)
    manifest = model.manifest
    assert manifest.parent == artifact.digest(strong.manifest)
    assert manifest.compression
    assert manifest.compression.method == "cascade"
    assert {one.prediction.build for one in manifest.samples} == {"cheap", "strong"}
    assert manifest.metrics == {"dev_accuracy": pytest.approx(said["agreement"])}
    assert "Cascade from version" in (folder / "both" / artifact.CARD).read_text()


def test_it_passes_the_gate(made: tuple[Path, dict[str, Any]]) -> None:
    trial = tried(Subject(made[0] / "both"))
    assert [check.name for check in trial.checks if check.ok] == [
        *("load", "finite", "samples", "builds", "shapes", "speed")
    ], trial.checks
    assert trial.measured is not None
    assert trial.measured.weight_bytes > 0


def test_it_goes_to_another_machine_whole(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    digest = artifact.digest(artifact.read_manifest(made[0] / "both"))
    ArtifactStore(str(tmp_path / "store"), tmp_path / "here").put(made[0] / "both", digest)
    found = ArtifactStore(str(tmp_path / "store"), tmp_path / "there").fetch(digest)
    assert found is not None
    assert artifact.digest(artifact.verify(found)) == digest


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cheap/model.keras", "damaged"),
        ("strong/tokenizer.json", "damaged"),
        ("strong/manifest.json", "damaged"),
        ("MODEL_CARD.md", "damaged"),
    ],
)
def test_a_file_that_differs_is_noticed(
    made: tuple[Path, dict[str, Any]], tmp_path: Path, name: str, said: str
) -> None:
    copy = shutil.copytree(made[0] / "both", tmp_path / "copy")
    (copy / name).write_bytes((copy / name).read_bytes() + b" ")
    with pytest.raises(ArtifactError, match=said):
        artifact.verify(copy)


def test_what_is_no_cascade_is_refused(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = made[0]
    with pytest.raises(ArtifactError, match="is a cascade of two versions"):
        LiveModel.load(folder / "both")
    nested = shutil.copytree(folder / "both", tmp_path / "nested")
    shutil.rmtree(nested / "cheap")
    shutil.copytree(folder / "both", nested / "cheap")
    with pytest.raises(ArtifactError, match="no version of one network"):
        artifact.verify(nested)
    more = shutil.copytree(folder / "both", tmp_path / "more")
    (more / "run.sh").write_text("x")
    with pytest.raises(ArtifactError, match="files that no version has"):
        artifact.verify(more)
    link = shutil.copytree(folder / "both", tmp_path / "link")
    shutil.rmtree(link / "cheap")
    (link / "cheap").symlink_to(folder / "both" / "cheap")
    with pytest.raises(ArtifactError, match="no version of one network"):
        artifact.verify(link)
    swapped = shutil.copytree(folder / "both", tmp_path / "swapped")
    manifest = artifact.read_manifest(swapped)
    orphan = msgspec.structs.replace(manifest, parent="0" * 64)
    (swapped / artifact.MANIFEST).write_bytes(msgspec.json.encode(orphan))
    with pytest.raises(ArtifactError, match="not the manifest's parent"):
        loading.load(swapped)


def test_a_loss_may_be_promised_instead(made: tuple[Path, dict[str, Any]]) -> None:
    folder, said = made
    more = json.loads(here(*command(folder, *parts(folder), out="more"), "--max-loss", 30))
    assert said["loss"] < more["loss"] <= 30
    assert more["early_share"] > said["early_share"]


def test_what_cannot_be_done_is_said(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = made[0]
    cheap, strong = parts(folder)
    both = ("--min-agreement", "0.9", "--max-loss", "1")
    refused: list[tuple[tuple[object, ...], type[Exception], str]] = [
        ((*command(folder, cheap, strong), *both), SettingsError, "choose one"),
        (command(folder, cheap, strong), ArtifactError, "exists already"),
        (command(folder, folder / "both", strong, "x"), ArtifactError, "is a cascade"),
        (command(folder, tmp_path, strong, "x"), ArtifactError, "no manifest can be read"),
        (command(tmp_path, cheap, strong, "x"), DataError, "cannot be read"),
    ]
    for arguments, kind, words in refused:
        done = CliRunner().invoke(app, list(map(str, arguments)))
        assert isinstance(done.exception, kind), (done.exception, done.output)
        assert words in str(done.exception)
