"""`compress quantise` on every kind of version: a build of equal answers, or a sentence why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace
from typer.testing import CliRunner

from models import artifact
from models.compression import serving
from models.live_model import LiveModel
from schemas.model_version import Exits
from tests.models import cascade_version, extractor, joint_version, summarizer, tagger
from tests.models.cascade_version import MANY
from workers.cli import app

pytestmark = pytest.mark.usefixtures("brief")
NO_CELL = "kind gru alone"
NO_JOINT = "joint versions and those that write summaries have no builds"


def _part(name: str) -> Callable[[Path], Path]:
    return lambda folder: cascade_version.part(folder, name)


KINDS: dict[str, tuple[Callable[[Path], Path], dict[str, str]]] = {
    "lstm": (_part("lstm"), {"litert-int8": NO_CELL}),
    "simple": (_part("rnn"), {"litert-int8": NO_CELL}),
    "gru": (_part("flat"), {}),
    "two layers": (_part("plain"), {}),
    "bag": (_part("cheap"), {}),
    "exits that nobody leaves by": (_part("attending"), {}),
    "recurrent exits": (_part("deep"), {}),
    "tagger": (lambda folder: tagger.write(folder, "en"), {}),
    "extracting": (
        lambda folder: extractor.write(folder, "en"),
        {"litert-int8": "loop over the sentences of a document"},
    ),
    "joint": (joint_version.write, dict.fromkeys(("litert-int8", "keras-int8"), NO_JOINT)),
    "writing": (summarizer.write, dict.fromkeys(("litert-int8", "keras-int8"), NO_JOINT)),
}
"""How to write a version, and what is said of the builds that it cannot have."""


def _quantise(directory: Path, out: Path, *more: str) -> Any:
    builds = ("--build", "litert-int8", "--build", "keras-int8")
    asked = [*builds, "--max-loss", "100", "--json", "--out", str(out), *more]
    return CliRunner().invoke(app, ["compress", "quantise", str(directory), *asked])


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_has_builds_of_equal_answers_or_a_sentence_why_not(
    kind: str, tmp_path: Path
) -> None:
    write, refused = KINDS[kind]
    directory, out = write(tmp_path), tmp_path / "child"
    done = _quantise(directory, out, "--weights")
    assert done.exit_code == 0, done.output
    said = json.decode(done.stdout.splitlines()[-1])
    assert {*said["not_made"]} == {*refused}, said["not_made"]
    assert all(words in said["not_made"][name] for name, words in refused.items())
    assert {*said["builds"]} == {"weights", "litert-int8", "keras-int8"} - {*refused}
    model = LiveModel.load(out)
    model.check_samples()
    assert model.manifest.parent == artifact.digest(artifact.read_manifest(directory))
    for name in model.manifest.builds or ():
        _equal(model, name)


def test_no_version_is_written_where_there_would_be_nothing_new(tmp_path: Path) -> None:
    out = tmp_path / "child"
    done = _quantise(joint_version.write(tmp_path), out)
    assert "no build loses only" in str(done.exception)
    assert not out.exists()


def _equal(parent: LiveModel, name: str) -> None:
    """Check the samples, that company changes nothing, and that answers are near the parent's."""
    model = serving.served(parent, name)
    model.check_samples()
    texts = [one for one in parent.manifest.warm_up if one] + MANY[:12]
    together = model.predict_texts(texts)
    alone = [model.predict_texts([text])[0] for text in texts]
    assert all(map(model.agree, alone, together)), "within 1e-4"
    model.tolerance = 0.1
    near = sum(map(model.agree, parent.predict_texts(texts), together))
    assert near >= 0.8 * len(texts), "random weights, quadrupled: a text may lie on an edge"


def test_a_version_that_texts_leave_early_is_refused(tmp_path: Path) -> None:
    directory = cascade_version.part(tmp_path, "deep")
    manifest = artifact.read_manifest(directory)
    leaving = replace(manifest, exits=Exits(threshold=0.5, shares=(0.4, 0.3, 0.3)))
    (directory / artifact.MANIFEST).write_bytes(json.encode(leaving))
    done = _quantise(directory, tmp_path / "child")
    assert done.exit_code != 0
    assert "leave its network early" in str(done.exception)
    assert not (tmp_path / "child").exists()
