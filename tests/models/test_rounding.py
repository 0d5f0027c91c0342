"""Weights of 255 values a row: what they are, what they weigh, and that all else follows them."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import UNSET, json
from typer.testing import CliRunner

from models import artifact
from models.compression import rounding, serving
from models.live_model import LiveModel
from models.training import scoring
from tests.models.conftest import TEXTS
from workers.cli import app

pytestmark = pytest.mark.usefixtures("brief")
FOLDED = "litert-folded-int8"


def test_rows_have_255_values_at_most_that_float16_holds() -> None:
    random = np.random.default_rng(1)
    weight = random.normal(0, np.exp(random.normal(0, 3, (400, 1))), (400, 900))
    weight[3] = 0
    weight = weight.astype(np.float32)
    found = rounding.rounded(weight)
    assert max(len(np.unique(row)) for row in found) <= 255
    np.testing.assert_array_equal(found.astype(np.float16).astype(np.float32), found)
    greatest = np.abs(weight).max(axis=1, keepdims=True)
    assert (np.abs(found - weight) <= greatest / 127 + 1e-9).all(), "a step is 2 / 127 at most"
    np.testing.assert_array_equal(rounding.rounded(found), found)


def test_small_arrays_stay_as_they_are() -> None:
    for shape in ((5000,), (20, 20)):
        weight = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        np.testing.assert_array_equal(rounding.rounded(weight), weight)


@pytest.fixture(scope="module")
def child(version: Path, brief: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy with rounded weights and one build."""
    out = tmp_path_factory.mktemp("rounded") / "v"
    asked = ["--build", FOLDED, "--weights", "--max-loss", "100", "--json", "--out", str(out)]
    done = CliRunner().invoke(app, ["compress", "quantise", str(version), *asked])
    assert done.exit_code == 0, done.output
    rows = json.decode(done.stdout.splitlines()[-1])["builds"]
    assert rows["weights"]["bytes"] == (out / artifact.WEIGHTS).stat().st_size
    assert rows["weights"]["kept"]
    assert rows[FOLDED]["size_ratio"] > rows["weights"]["size_ratio"], "it needs them"
    return out


def test_the_child_answers_by_rounded_weights_and_says_so(version: Path, child: Path) -> None:
    parent, model = LiveModel.load(version), LiveModel.load(child)
    model.check_samples()
    expected = rounding.of(parent)
    for given, stored in zip(
        expected.network.get_weights(), model.network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(given, stored)
    assert model.manifest.parent == artifact.digest(parent.manifest)
    assert model.manifest.metrics == {}, "its scores were not measured"
    size = (child / artifact.WEIGHTS).stat().st_size
    assert size < 0.6 * (version / artifact.WEIGHTS).stat().st_size


def test_its_build_is_made_of_those_weights_and_leaves_company(child: Path) -> None:
    model = serving.served(LiveModel.load(child), FOLDED)
    model.check_samples()
    parsed = [one for one in model.parse_texts(TEXTS) if len(one.ids) <= 48]
    alone = [model.predict(model.features([one], len(one.ids), 1))[0] for one in parsed]
    together = model.predict(model.features(parsed, 64, len(parsed) + 9))
    assert all(map(model.agree, alone, together))


def test_weights_may_be_rounded_where_no_build_can_be_made(version: Path, tmp_path: Path) -> None:
    asked = ["--build", "litert-int8-full", "--calibrate", str(_texts(tmp_path)), "--weights"]
    out = tmp_path / "v"
    asked += ["--max-loss", "100", "--out", str(out)]
    done = CliRunner().invoke(app, ["compress", "quantise", str(version), *asked])
    assert done.exit_code == 0, done.output
    assert artifact.verify(out).builds is UNSET
    LiveModel.load(out).check_samples()


def test_a_child_has_the_scores_of_rounded_weights(version: Path, tmp_path: Path) -> None:
    texts, out = _texts(tmp_path), tmp_path / "v"
    given = ["--dev", str(texts), "--test", str(texts), "--test", str(texts)]
    asked = ["--weights", *given, "--build", FOLDED, "--out", str(out)]
    done = CliRunner().invoke(app, ["compress", "quantise", str(version), *asked])
    assert done.exit_code == 0, done.output
    scores, model = artifact.verify(out).metrics, LiveModel.load(out)
    right = scoring.evaluate(model, texts).metrics["accuracy"]
    assert scores["dev_accuracy"] == scores["test_accuracy"] == pytest.approx(right, abs=1e-4)
    model.check_samples()


def _texts(folder: Path) -> Path:
    path = folder / "texts.jsonl"
    path.write_bytes(b"\n".join(json.encode({"text": one, "label": "a"}) for one in TEXTS if one))
    return path
