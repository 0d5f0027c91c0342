"""The pure parts of a training: data, recipe, metrics, batches."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from models.training import batches, data
from models.training.batches import Encoded
from models.training.config import FitConfig
from models.training.metrics import scores
from schemas.errors import DataError

EXAMPLE = b'{"text": "a", "label": "x", "id": 1}\n'


def test_reads_plain_and_gzipped_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(EXAMPLE + b"\n" + EXAMPLE)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(EXAMPLE))
    assert len(data.read(tmp_path / "a.jsonl")) == 2
    assert data.read(tmp_path / "a.jsonl.gz") == [data.Example("a", "x")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no examples"),
        (EXAMPLE + b"{oops\n", "line 2"),
        (EXAMPLE + b'{"text": "a"}\n', "line 2.*label"),
        (EXAMPLE + b'{"text": 5, "label": "x"}\n', "line 2"),
        (b'{"text": "\xff", "label": "x"}\n', "line 1"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        data.read(path)


def test_a_damaged_or_missing_file_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(EXAMPLE)[:-5])
    for name in ("cut.jsonl.gz", "missing.jsonl"):
        with pytest.raises(DataError, match="cannot be read"):
            data.read(tmp_path / name)


def test_one_label_alone_is_refused() -> None:
    with pytest.raises(DataError, match="two labels"):
        data.labels_of([data.Example("a", "x")], Path("f"))


def test_lines_with_unknown_labels_are_counted() -> None:
    examples = [data.Example("a", "x"), data.Example("b", "z")]
    assert data.select(examples, ["x", "y"], Path("f")) == ([examples[0]], 1)
    with pytest.raises(DataError, match="none of its labels"):
        data.select(examples, ["q"], Path("f"))


def test_scores_by_hand() -> None:
    got = scores([0, 0, 1, 1], [0, 1, 1, 1], classes=3)
    assert got["accuracy"] == 0.75
    assert got["macro_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert got["macro_recall"] == pytest.approx((0.5 + 1) / 2)
    assert got["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)


def _encoded() -> Encoded:
    ids = [np.full(n % 7 + 1, n + 1, dtype=np.int32) for n in range(50)]
    return Encoded(ids, np.arange(50, dtype=np.int32))


def test_an_epoch_shows_every_text_once_and_depends_on_the_seed_alone() -> None:
    def order(seed: int) -> list[int]:
        random = np.random.default_rng(seed)
        return [n for group in batches.shuffled(_encoded(), 8, random) for n in group]

    assert sorted(order(1)) == list(range(50))
    assert order(1) == order(1) != order(2)


def test_a_batch_holds_its_texts_padded_with_zeros() -> None:
    encoded = _encoded()
    for batch in batches.by_length(encoded, 8):
        for row, index in zip(batch.ids, batch.indices, strict=True):
            assert row[row != 0].tolist() == encoded.ids[index].tolist()


def test_an_epoch_can_be_entered_in_the_middle() -> None:
    config = FitConfig(batch_size=8, hide_tokens=0.5)
    whole = list(batches.epoch(_encoded(), config, 3))
    rest = list(batches.epoch(_encoded(), config, 3, start=4))
    assert len(rest) == len(whole) - 4
    for one, other in zip(rest, whole[4:], strict=True):
        assert one.ids.tolist() == other.ids.tolist()
    assert any((batch.ids == 1).any() for batch in rest)


def test_hiding_leaves_padding_alone() -> None:
    ids = np.array([[5, 6, 0, 0]], dtype=np.int32)
    assert batches.hide(ids, 1.0, np.random.default_rng(1)).tolist() == [[1, 1, 0, 0]]
    assert batches.hide(ids, 0.0, np.random.default_rng(1)).tolist() == ids.tolist()


def test_labels_have_a_length_of_their_own() -> None:
    data = Encoded([np.ones(3, np.int32)] * 2, [np.ones(9, np.int32), np.ones(2, np.int32)])
    (batch,) = batches.by_length(data, 8)
    assert (batch.ids.shape, batch.labels.shape) == ((2, 8), (2, 16))
    assert batch.labels.sum(axis=1).tolist() == [9, 2]
