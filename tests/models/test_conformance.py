"""Every encoder of the catalog with every head that it can serve keeps the same promises."""

import numpy as np
import pytest

from models import catalog
from models.training.exchange import Joined
from tests.models.conformance import ENCODERS, HEADS, ROWS, Subject, kinds

IDLE = ("/key/bias",)
"""Weights without effect: one number more for all keys changes no softmax."""


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: "-".join(row))
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return Subject(*request.param, tmp_path_factory.mktemp("subject"))


def test_the_whole_catalog_is_here() -> None:
    here = {type(encoder) for encoder in ENCODERS.values()}
    assert here | {type(head.config) for head in HEADS.values()} == kinds()


def test_a_saved_version_answers_traced_as_it_did_eagerly(subject: Subject) -> None:
    subject.live.check_samples()
    assert subject.live.traces == 1


def test_an_answer_is_the_same_alone_and_in_any_batch(subject: Subject) -> None:
    live = subject.live
    parsed = live.parse(subject.questions)
    longest = max(len(one.ids) for one in parsed)
    together = live.predict(live.features(parsed, 2 * longest + 3, len(parsed) + 2))
    assert len({str(answer) for answer in together}) > 1
    for one, answer in zip(parsed, together, strict=True):
        (alone,) = live.predict(live.features([one], len(one.ids), 1))
        assert live.answerer.agree(alone, answer)
    assert live.traces == 1


def test_the_gradient_reaches_every_weight(subject: Subject) -> None:
    _, slopes = subject.first
    assert all(slope is not None for slope in slopes.values())
    still = [path for path, slope in slopes.items() if np.abs(slope).max() < 1e-7]
    assert [path for path in still if not path.endswith(IDLE)] == []


def test_the_shares_of_two_processes_weigh_as_the_whole_batch(subject: Subject) -> None:
    """The rest of training in several processes knows no head (`test_together`)."""
    whole, count = subject.loss_of(subject.batch)
    shares = [Joined(rank, 2, {}, 0).share(subject.batch) for rank in (0, 1)]
    losses, counts = zip(*map(subject.loss_of, shares), strict=True)
    assert sum(counts) == count
    assert np.average(losses, weights=counts) == pytest.approx(whole, rel=1e-4)


def test_mixed_precision_is_close(subject: Subject) -> None:
    """The same gradient, but for rounding, by layers that do compute in bfloat16.

    bfloat16 has 8 bits of mantissa: a rounding is off by 2^-8 at most, half of that on average; to
    which side, and after how many terms of a sum, is the processor's matter. A recurrent chain adds
    up what its tokens are off, 10 here, each rounded about eight times forward and eight back: all
    to one side, 160 / 2^9 = 0.31 of the gradient's length, which turns it to a cosine of 0.95. Who
    loses a term, a mask or a scale is further off; a layer that ignores the policy is told by its
    type, and by a gradient that was not rounded at all.
    """
    twin = catalog.build(subject.architecture, dtype="mixed_bfloat16")
    twin.set_weights(subject.network.get_weights())
    assert all(weight.dtype == "float32" for weight in twin.weights)
    assert {layer.compute_dtype for layer in twin.layers if layer.weights} == {"bfloat16"}
    loss, slopes = subject.first
    mixed_loss, mixed_slopes = subject.slopes(twin)
    assert mixed_loss == pytest.approx(loss, rel=0.03)
    for path, slope in slopes.items():
        exact, rounded = np.ravel(slope), np.ravel(mixed_slopes[path])
        length, distance = np.linalg.norm(exact), np.linalg.norm(rounded - exact)
        if length > 1e-2:
            assert exact @ rounded > 0.95 * length * np.linalg.norm(rounded), path
        assert 0 < distance <= 0.31 * length + 1e-3, path


def test_training_learns_a_few_examples_by_heart(subject: Subject) -> None:
    assert subject.learn(rate=0.02, most=100) == 1.0
