"""Raw texts are read from every format that labelled ones have."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.training import unlabelled
from models.training.reading.bad_lines import BadLines
from models.training.reading.corpus import Reading
from schemas.errors import DataError

TEXTS = ["a red fox", "two cups of tea"]
FILES = {
    "raw.jsonl": '{"text": "a red fox"}\n{"tokens": ["two", "cups", "of", "tea"], "lang": "en"}\n',
    "raw.csv": "label,text\nx,a red fox\ny,two cups of tea\n",
    "raw.tsv": "text\tlabel\na red fox\tx\ntwo cups of tea\ty\n",
    "raw.conll": "a\tO\nred\tO\nfox\tO\n\ntwo\tO\ncups\tO\nof\tO\ntea\tO\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_texts_again_and_again(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name])
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(FILES[name].encode()))
    texts = unlabelled.read([tmp_path / name, tmp_path / f"{name}.gz"], "en")
    assert list(texts) == list(texts) == TEXTS * 2


def test_parquet_has_texts_or_tokens(tmp_path: Path) -> None:
    paths = [tmp_path / "texts.parquet", tmp_path / "tokens.parquet"]
    pq.write_table(pa.table({"said": TEXTS}), paths[0])
    pq.write_table(pa.table({"tokens": [one.split() for one in TEXTS]}), paths[1])
    assert list(unlabelled.read(paths[1:], "en")) == TEXTS
    assert list(unlabelled.read(paths[:1], "en", Reading(text_column="said"))) == TEXTS
    with pytest.raises(DataError, match=r"texts\.parquet.* --text-column"):
        unlabelled.read(paths[:1], "en")


def test_a_line_that_is_no_text_is_named_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl"
    path.write_text('{"text": "a red fox"}\n{oops\n{"title": "tea"}\n')
    with pytest.raises(DataError, match="line 2"):
        unlabelled.read([path], "en")
    said: list[str] = []
    with BadLines(said.append) as bad:
        assert list(unlabelled.read([path], "en", bad.reading(label_column="x"))) == TEXTS[:1]
    assert "line 3: neither a text nor tokens: name the texts with --text-column" in said[1]
    assert said[2].startswith("2 bad lines were left out")


def test_texts_in_another_language_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl"
    path.write_text('{"text": "房间很干净，服务也好。"}\n' * 2 + '{"text": "tea", "lang": "en"}\n')
    with pytest.raises(DataError, match="2 of the first 3 texts read as Chinese"):
        unlabelled.read([path], "en", Reading())
    path.write_text('{"text": "房间很干净，服务也好。"}\n')
    assert len(list(unlabelled.read([path], "en", Reading(any_language=True)))) == 1
    path.write_text('{"text": "tea", "lang": "en"}\n')
    with pytest.raises(DataError, match="none of its texts is said to be in zh"):
        unlabelled.read([path], "zh")
