"""Builds of smaller numbers: equal answers in any company, checked files, chosen by measuring."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import flatbuffers
import msgspec
import numpy as np
import pytest
from msgspec import UNSET
from typer.testing import CliRunner

from models import artifact, faster
from models.compression import builds, child, flatbuffer, litert, serving
from models.compression.builds import Measured, Texts
from models.compression.litert import STEPS, TILE, LiteRun, tiles
from models.gains import Gains, Seconds
from models.live_model import USUAL, LiveModel
from models.training.reading.corpus import Reading
from schemas.errors import ArtifactError
from schemas.model_version import AS_USUAL, Compression, Manifest
from schemas.question import Question
from tests.models.conftest import TEXTS
from workers.cli import app

pytestmark = pytest.mark.usefixtures("brief")
FULL = "litert-int8-full"
NAMES = ("litert-int8", "litert-folded-int8", "litert-float16", "keras-int8")
QUESTIONS = [Question(text) for text in (*TEXTS, *(f"play number {n}" for n in range(20)))]


@pytest.fixture(scope="module")
def made(version: Path, brief: None) -> Measured:
    """All builds of the toy."""
    texts = Texts(QUESTIONS, (), Reading(), QUESTIONS[:3])
    return builds.measured(LiveModel.load(version), (*NAMES, FULL), texts)


@pytest.fixture(scope="module")
def quantised(version: Path, made: Measured, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A child of the toy with all of them."""
    folder = tmp_path_factory.mktemp("child")
    files = {artifact.BUILDS[name]: folder / artifact.BUILDS[name] for name in NAMES}
    for name in NAMES:
        files[artifact.BUILDS[name]].write_bytes(made.contents[name])
    manifest = artifact.read_manifest(version)
    changed = msgspec.structs.replace(manifest, builds=dict(made.builds), allowed_loss=100.0)
    gains = made.builds["litert-int8"].deltas
    child.write(
        folder / "v", version, changed, files, Compression(method="quantised", deltas=gains)
    )
    return folder / "v"


def test_every_build_is_made_and_small(made: Measured) -> None:
    assert "means over tokens" in made.left_out.pop(FULL), "a division in int8 may fail"
    assert not made.left_out
    assert set(made.builds) == set(NAMES)
    assert made.builds["litert-int8"].deltas.size < 0.6, "of a toy; a network of weight has 0.25"
    assert min(one.deltas.agreement for one in made.builds.values()) > 0.8


def test_a_child_names_its_parent_and_verifies(version: Path, quantised: Path) -> None:
    manifest = artifact.verify(quantised)
    assert manifest.parent == artifact.digest(artifact.read_manifest(version))
    assert set(manifest.files) >= {artifact.BUILDS[name] for name in NAMES}
    card = (quantised / artifact.CARD).read_text()
    assert "## Smaller and faster" in card
    assert "litert-folded-int8" in card
    assert child.carded(card, manifest) == card, "written once, whoever writes it"
    LiveModel.load(quantised).check_samples()


def test_a_manifest_without_builds_keeps_its_digest(version: Path) -> None:
    text = (version / artifact.MANIFEST).read_bytes()
    manifest = artifact.read_manifest(version)
    assert not any(word in text for word in (b"builds", b"compression", b"allowed_loss"))
    assert manifest.builds is UNSET
    assert msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest) == manifest


@pytest.mark.parametrize("name", NAMES)
def test_neither_company_nor_padding_changes_an_answer(quantised: Path, name: str) -> None:
    model = serving.served(LiveModel.load(quantised), name)
    model.check_samples()
    parsed = [one for one in model.parse(QUESTIONS) if len(one.ids) <= 48]
    alone = [model.predict(model.features([one], len(one.ids), 1))[0] for one in parsed]
    for length, rows in ((48, len(parsed)), (64, len(parsed) + 7), (96, 40)):
        together = model.predict(model.features(parsed, length, rows))
        assert all(map(model.agree, alone, together)), "within 1e-4"


def test_tiles_hold_all_rows_and_are_few_shapes() -> None:
    assert tiles(17, 16) == [16, 1]
    assert tiles(23, 16) == [24]
    assert tiles(70, 8) == [64, 8]
    assert tiles(3, 4096) == [1, 1, 1]
    for length in (1, 8, 16, 48, 511, 513):
        for rows in range(1, 300, 7):
            cut = tiles(rows, length)
            assert sum(cut[:-1]) < rows <= sum(cut)
            assert all(step in STEPS and (step == 1 or step * length <= TILE) for step in cut)


@pytest.mark.parametrize("worth", [0.0, 9.0])
def test_no_interpreter_is_made_or_resized_while_a_text_waits(
    made: Measured, worth: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litert, "WORTH", worth)
    run = LiteRun(made.contents["litert-int8"], "x", threads=2)
    run.warm_up([16, 32], ())
    kept = [dict(lane.kept) for lane in run.lanes]
    for rows in (1, 3, 17, 200):
        run(np.ones((rows, 16), np.int32))
        run(np.ones((rows, 32), np.int32))
    assert [lane.kept for lane in run.lanes] == kept


def test_threads_may_share_a_build(made: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    run = LiteRun(made.contents["litert-int8"], "x", threads=2)
    monkeypatch.setattr(litert, "WORTH", 0.0)
    run.warm_up([8], ())
    arrays = [np.full((5, 8 * n), n, np.int32) for n in range(1, 5)] * 6
    expected = [run(ids)[0] for ids in arrays]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda ids: run(ids)[0], arrays))
    assert all(map(np.array_equal, expected, found))


def test_a_worker_serves_the_fastest_that_is_allowed(
    quantised: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = faster.chosen(LiveModel.load(quantised), AS_USUAL, Gains(_each_faster()))
    assert model.build == list(serving.allowed(model))[-1]
    assert "answers by litert-int8" in caplog.text
    assert "points lost of 100 allowed" in caplog.text
    usual = faster.chosen(LiveModel.load(quantised), AS_USUAL, Gains(lambda call: 1.0))
    assert usual.build == USUAL


def test_what_loses_more_than_allowed_is_not_even_read(quantised: Path) -> None:
    model = LiveModel.load(quantised)
    for most in (UNSET, 0.0):
        model.manifest = msgspec.structs.replace(model.manifest, allowed_loss=most)
        names = serving.allowed(model)
        assert all(one.deltas.loss <= 0 for one in names.values())
        assert most == 0.0 or not names


def test_lanes_give_the_answers_of_one(made: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "WORTH", 0.0)
    alone, beside = (LiteRun(made.contents["litert-int8"], "x", threads) for threads in (1, 3))
    beside.warm_up([16], ())
    random = np.random.default_rng(2)
    for rows, length in ((1, 16), (33, 16), (100, 32), (70, 8), (9, 128)):
        ids = random.integers(1, 30, (rows, length), np.int32)
        assert np.array_equal(alone(ids)[0], beside(ids)[0]), (rows, length)
    assert (len(alone.lanes), len(beside.lanes)) == (1, 3)
    assert all(any(shape[1] == 128 for shape in lane.kept) for lane in beside.lanes), "all had work"


def _each_faster() -> Seconds:
    """Each call takes less than the one before it."""
    left = iter(range(1000, 0, -1))
    return lambda call: 0.5 ** (1000 - next(left))


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_bit_is_refused(tmp_path: Path, quantised: Path, name: str) -> None:
    copy = tmp_path / "v"
    shutil.copytree(quantised, copy)
    model, path = LiveModel.load(copy), copy / artifact.BUILDS[name]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        serving.served(model, name)
    with pytest.raises(ArtifactError):
        artifact.verify(copy)


def test_a_build_without_a_file_and_a_file_without_a_build(tmp_path: Path, quantised: Path) -> None:
    copy = tmp_path / "v"
    shutil.copytree(quantised, copy)
    manifest = artifact.read_manifest(copy)
    fewer = {name: one for name, one in (manifest.builds or {}).items() if name != "keras-int8"}
    for wrong in (fewer, UNSET):
        changed = msgspec.structs.replace(manifest, builds=wrong)
        (copy / artifact.MANIFEST).write_bytes(msgspec.json.encode(changed))
        with pytest.raises(ArtifactError, match="list of builds is wrong"):
            artifact.verify(copy)


def _renamed(content: bytes, custom: bytes | None, number: int) -> bytes:
    """The file with another operation in the place of its first."""
    schema: Any = import_module("tensorflow.lite.python.schema_py_generated")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    code = model.operatorCodes[0]
    code.customCode, code.builtinCode, code.deprecatedBuiltinCode = custom, number, 0
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_operations_that_could_run_code_are_refused(made: Measured) -> None:
    content = made.contents["litert-int8"]
    flatbuffer.check(content, "x")
    with pytest.raises(ArtifactError, match="CUSTOM:FlexReadFile"):
        LiteRun(_renamed(content, b"FlexReadFile", 32), "x", threads=1)
    with pytest.raises(ArtifactError, match="VAR_HANDLE"):
        LiteRun(_renamed(content, None, 142), "x", threads=1)


def test_rubbish_is_refused_with_a_sentence(made: Measured) -> None:
    content = made.contents["litert-int8"]
    for wrong in (b"", b"PK\x03\x04 a zip", content[:8] + b"\xff" * 64, content[:200]):
        with pytest.raises(ArtifactError, match="x is"):
            flatbuffer.check(wrong, "x")


def test_the_command_says_what_it_made_and_what_it_left_out(tmp_path: Path, version: Path) -> None:
    out = tmp_path / "child"
    asked = ["--build", "litert-int8", "--out", str(out), "--max-loss", "100", "--json"]
    done = CliRunner().invoke(app, ["compress", "quantise", str(version), *asked])
    assert done.exit_code == 0, done.output
    said = msgspec.json.decode(done.stdout.splitlines()[-1])
    row = said["builds"]["litert-int8"]
    assert {*row} >= {"bytes", "texts_per_s", "ratio", "size_ratio", "score", "loss", "agreement"}
    manifest = artifact.verify(out)
    assert manifest.allowed_loss == 100
    assert manifest.compression
    assert manifest.compression.method == "quantised"
