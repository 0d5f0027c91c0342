"""A version run by XLA or in half precision: only where faster, and never with other answers."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import tensorflow as tf
from msgspec import UNSET

from models import artifact, faster, gains
from models.gains import Gains
from models.live_model import LiveModel
from schemas.errors import ArtifactError
from schemas.model_version import AS_USUAL, Manifest, RunConfig

JIT = RunConfig(jit=True)
MANY = [f"play the music {number}" for number in range(9)]


class Timer:
    """Says that the first way of running that it is shown takes a second, the next `then`, and so
    on in turns."""

    def __init__(self, first: float, then: float) -> None:
        self._turns = (first, then)
        self.calls = 0

    def __call__(self, call: Callable[[], object]) -> float:
        self.calls += 1
        return self._turns[(self.calls - 1) % 2]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One shape instead of nine: XLA takes seconds for each."""
    monkeypatch.setattr(faster, "SHAPES", ((32, 8),))


def test_compiled_shapes_give_the_same_answers_and_others_run_as_usual(
    version: Path, few: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = LiveModel.load(version)
    expected = model.predict_texts(MANY)
    assert faster.chosen(model, JIT, Gains(Timer(0.5, 1.0))) is model
    run = model.answerer.run
    assert isinstance(run, faster.ShapedRun)
    assert "XLA is faster and answers the same in 1 of 1 shapes" in caplog.text
    compiled, used = run._compiled, []

    def counted(ids: tf.Tensor) -> object:
        used.append(tuple(ids.shape))
        return compiled(ids)

    run._compiled = counted
    model.check_samples()
    for rows in (1, 5, 6, 8, 9):
        parsed = model.parse_texts(MANY[:rows])
        answers = model.predict(model.features(parsed, 32, rows))
        assert all(map(model.answerer.agree, expected[:rows], answers))
    assert used == [(8, 32)] * 2, "6 and 8 rows; 5 would be padding by more than a quarter"
    assert model.traces == 1


def test_a_text_of_many_windows_is_read_whole_where_shapes_are_compiled(
    version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faster, "SHAPES", ((100, 100),))
    model = LiveModel.load(version)
    text = "what is the weather like in the city " * 1500
    (expected,) = model.predict_texts([text])
    faster.chosen(model, JIT, Gains(Timer(0.5, 1.0)))
    assert isinstance(model.answerer.run, faster.ShapedRun)
    (answer,) = model.predict_texts([text])
    assert model.answerer.agree(expected, answer)


def test_what_is_not_faster_is_not_used(version: Path, few: None) -> None:
    model = LiveModel.load(version)
    usual = model.answerer.run
    assert faster.chosen(model, JIT, Gains(Timer(1.0, 1.0))).answerer.run is usual
    half = RunConfig(precision="bfloat16", tolerance=0.1)
    assert faster.chosen(model, half, Gains(Timer(1.0, 1.0))) is model


def test_a_network_that_xla_cannot_compile_runs_as_usual(
    version: Path, few: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = LiveModel.load(version)
    read = model.answerer.read

    def printing(network: object, ids: tf.Tensor) -> object:
        return tuple(tf.numpy_function(lambda a: a, [one], one.dtype) for one in read(network, ids))

    model.answerer.read = printing  # type: ignore[method-assign]
    usual = model.answerer.run
    assert faster.chosen(model, JIT, Gains(Timer(1.0, 1.0))).answerer.run is usual
    assert "it cannot compile this network" in caplog.text


def test_half_precision_is_used_where_the_version_allows_what_it_changes(
    version: Path, few: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = LiveModel.load(version)
    strict = RunConfig(precision="bfloat16")
    assert faster.chosen(model, strict, _in_turns()) is model
    assert "bfloat16 is not used: toy does not give its own sample answer" in caplog.text
    loose = msgspec.structs.replace(strict, tolerance=0.1)
    other = faster.chosen(model, loose, _in_turns())
    assert other is not model
    assert "computes in bfloat16: 2.00 times as fast here" in caplog.text
    other.check_samples()
    other.tolerance = 1e-7
    with pytest.raises(ArtifactError):
        other.check_samples()


def _in_turns() -> Gains:
    """The usual way takes a second, the other half of one."""
    times = iter((1.0, 0.5))
    return Gains(lambda call: next(times))


def test_a_manifest_without_the_field_keeps_its_digest(version: Path) -> None:
    text = (version / artifact.MANIFEST).read_bytes()
    assert b'"run"' not in text
    manifest = artifact.read_manifest(version)
    assert manifest.run is UNSET
    wished = msgspec.structs.replace(manifest, run=JIT)
    assert artifact.digest(wished) != artifact.digest(manifest)
    assert msgspec.json.decode(msgspec.json.encode(wished), type=Manifest).run == JIT
    assert RunConfig() == AS_USUAL


def test_the_shortest_of_some_runs_counts() -> None:
    ran: list[int] = []
    assert gains.best_of(lambda: ran.append(1)) >= 0
    assert len(ran) == gains.ROUNDS + 1
