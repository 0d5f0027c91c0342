"""Examples from files of every format, and what becomes of lines that are none."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.text.tokenizer import Tokenizer
from models.training import data, summarised, tagged
from models.training.data import Example
from models.training.reading.bad_lines import SHOWN, BadLines
from models.training.reading.corpus import Reading
from models.training.reading.lines import LONGEST
from models.training.tagged import Sentence
from schemas.errors import DataError

EXAMPLES = [
    Example('a "quoted", long\ntext', "x"),
    Example("制表符\t和逗号,", "7"),
    Example("", "x"),
]
SENTENCES = [Sentence(("Ann", "Lee"), ("B-PER", "I-PER")), Sentence(("去", "罗马"), ("O", "B-LOC"))]


def _json_lines(path: Path) -> None:
    rows = [{"text": one.text, "label": one.label, "id": 3} for one in EXAMPLES]
    path.write_text("\n\n".join(json.dumps(row) for row in rows))


def _commas(path: Path, delimiter: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([("id", "label", "text"), *((1, one.label, one.text) for one in EXAMPLES)])


def _parquet(path: Path) -> None:
    columns = {"text": [one.text for one in EXAMPLES], "label": [one.label for one in EXAMPLES]}
    pq.write_table(pa.table(columns | {"more": [1, 2, 3]}), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", _json_lines),
        ("a.csv", _commas),
        ("a.tsv", lambda path: _commas(path, "\t")),
        ("a.parquet", _parquet),
    ],
)
def test_every_format_gives_the_same_texts(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    path = tmp_path / name
    write(path)
    assert data.read(path) == EXAMPLES
    if name != "a.parquet":
        packed = tmp_path / f"{name}.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert data.read(packed) == EXAMPLES


def _conll(path: Path) -> None:
    blocks = ("\n".join(map("\t".join, zip(*SENTENCE, strict=True))) for SENTENCE in _pairs())
    path.write_text("\n" + "\n\n\n".join(blocks))


def _pairs() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(one.tokens, one.tags) for one in SENTENCES]


def _sentence_lines(path: Path) -> None:
    rows = (json.dumps({"tokens": tokens, "tags": tags}) for tokens, tags in _pairs())
    path.write_text("\n".join(rows))


def _sentence_parquet(path: Path) -> None:
    tokens, tags = zip(*_pairs(), strict=True)
    pq.write_table(
        pa.table({"tokens": list(map(list, tokens)), "tags": list(map(list, tags))}), path
    )


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.conll", _conll), ("a.jsonl", _sentence_lines), ("a.parquet", _sentence_parquet)],
)
def test_every_format_gives_the_same_sentences(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    assert tagged.read([tmp_path / name]) == SENTENCES


def test_columns_may_have_other_names_and_labels_be_numbers(tmp_path: Path) -> None:
    reading = Reading(text_column="review", label_column="stars")
    (tmp_path / "a.csv").write_text("stars,review\n5,good\n")
    (tmp_path / "a.jsonl").write_text('{"review": "good", "stars": 5, "label": "no"}')
    pq.write_table(pa.table({"stars": [5], "review": ["good"]}), tmp_path / "a.parquet")
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        assert data.read(tmp_path / name, reading) == [Example("good", "5")]
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(DataError, match=r"no column text, label.*--text-column"):
            data.read(tmp_path / name)


def test_summaries_have_columns_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,abstract\ns,t\n,t\n")
    told: list[DataError] = []
    reading = Reading(text_column="abstract", label_column="title", on_bad_line=told.append)
    whole = summarised.Summarised("t", "s", ("s",))
    assert summarised.read([tmp_path / "a.csv"], reading) == [whole]
    assert "line 3: a summary is missing" in str(told)


def _as_json(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("\n".join(map(json.dumps, rows)))


def _as_table(path: Path, rows: list[dict[str, object]]) -> None:
    cells = [
        {key: json.dumps(one) if isinstance(one, list) else one for key, one in row.items()}
        for row in rows
    ]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(
            file, ["text", "label", "summary", "references", "context"], restval=""
        )
        writer.writeheader()
        writer.writerows(cells)


def _as_parquet(path: Path, rows: list[dict[str, object]]) -> None:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    pq.write_table(pa.table(columns), path)


ROWS = [("a.jsonl", _as_json), ("a.csv", _as_table), ("a.parquet", _as_parquet)]


@pytest.mark.parametrize(("name", "write"), ROWS)
def test_every_format_carries_earlier_turns_and_references(
    tmp_path: Path, name: str, write: Callable[[Path, list[dict[str, object]]], None]
) -> None:
    turns = ["Hi, you.", "你好"]
    spoken: dict[str, object] = {"text": "a", "label": "x", "context": turns}
    write(tmp_path / name, [spoken, {"text": "b", "label": "y"}])
    assert data.read(tmp_path / name) == [Example("a", "x", tuple(turns)), Example("b", "y")]
    write(
        tmp_path / name,
        [
            {"text": "a", "references": ["s", "t"], "context": turns},
            {"text": "b", "summary": "u"},
        ],
    )
    assert summarised.read([tmp_path / name]) == [
        summarised.Summarised("a", "s", ("s", "t"), tuple(turns)),
        summarised.Summarised("b", "u", ("u",)),
    ]


BAD: list[tuple[str, bytes, int, str]] = [
    ("a.jsonl", b'{"text": "a", "label": "x"}\n{"text": "a"}\n', 2, "label"),
    ("a.jsonl", b'{"text": "a", "label": "x"}\n{"text": "a", "label": " "}\n', 2, "empty"),
    ("a.jsonl", b'[]\n{"text": "a", "label": "x"}\n', 1, "Expected"),
    ("a.csv", b'text,label\n"a\nb",x\n"c",x,y\n', 4, "3 values"),
    ("a.csv", b"text,label\na,x\n\xff,x\n", 3, "UTF-8"),
    ("a.csv", b"text,label\na,x\na,\n", 3, "empty"),
    ("a.csv", b"text,label,context\na,x,\na,x,Hi\n", 3, "column context holds no JSON list"),
    ("a.csv", b"text,label\na,x\n" + b"a" * (LONGEST // 2) + b",x\nb,y\n", 3, "field limit"),
    ("a.jsonl", b" " * LONGEST + b'"\n{"text": "a", "label": "x"}\n', 1, "longer than 16"),
    ("a.conll", b"a\tO\n\nb\tO\nc O\nd\tO\n\ne\tO\n", 4, "TAB"),
    ("a.conll", b"a\tO\nb\tB-PER\n\n\nc\tO\nd\tI-PER\n", 5, "tag 2 is I-PER after O"),
    ("a.conll", b"a\tO\n" * 200 + b"\nb\tb-PER\n", 202, "tag 1 is b-PER, but the others are bio"),
]


@pytest.mark.parametrize(("name", "content", "line", "reason"), BAD)
def test_a_bad_line_is_told_and_costs_itself_alone(
    tmp_path: Path, name: str, content: bytes, line: int, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    told: list[str] = []
    make = tagged.corpus if name.endswith("conll") else data.corpus
    corpus = make([path], reading=Reading(on_bad_line=lambda error: told.append(str(error))))
    found = list(corpus)
    assert found == list(corpus)
    assert found
    (complaint,) = told
    assert complaint.startswith(f"{path}, line {line}: ")
    assert reason in complaint
    assert corpus.bad_lines == 1
    with pytest.raises(DataError) as strict:
        list(make([path]))
    assert str(strict.value) == complaint


def test_a_null_in_a_parquet_file_is_a_bad_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", None], "label": ["x", "y"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"row 2: Expected `str`, got `null`"):
        data.read(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "holds no examples"),
        ("a.conll", b"\n\n", "holds no examples"),
        (
            "a.jsonl",
            b"{}\n{}\n",
            r"holds no examples; the first that is none: .*, line 1: .*`text`",
        ),
        ("b.conll", b"a\tO\tO\n", r"the first that is none: .*, line 1: not a token"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.parquet.gz", b"", "gunzip"),
        ("a.xml", b"", r"use \.jsonl"),
    ],
)
def test_a_file_without_examples_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    read = tagged.corpus if name.endswith("conll") else data.corpus
    with pytest.raises(DataError, match=message):
        list(read([tmp_path / name], reading=Reading(on_bad_line=lambda error: None)))


def test_a_corpus_in_another_language_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Where is my card?", "label": "x"}\n' * 3)
    data.corpus([path]).check_language("en")
    data.corpus([path], Reading(any_language=True)).check_language("zh")
    with pytest.raises(DataError, match=r"3 of the first 3 texts read as English.*--any-language"):
        data.corpus([path]).check_language("zh")
    told: list[str] = []
    corpus = data.corpus([path], Reading(warn=told.append))
    corpus.warn_of_language(("en",))
    corpus.warn_of_language(("en", "zh"))
    assert told == []
    corpus.warn_of_language(("zh",))
    assert told == [
        f"{path}: 3 of the first 3 texts read as English, but the model's language is zh"
    ]


def test_only_the_first_bad_lines_are_said_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n' + "{\n" * 50)
    said: list[str] = []
    with BadLines(said.append) as bad:
        assert len(data.read(path, bad.reading())) == 1
    assert len(said) == SHOWN + 1
    assert said[-1].startswith("50 bad lines were left out")


@pytest.mark.parametrize("word", ["a word ", "x", "字"])
def test_a_line_of_a_megabyte_is_a_text_like_others(tmp_path: Path, word: str) -> None:
    text = word * ((1 << 20) // len(word.encode()))
    _as_json(tmp_path / "a.jsonl", [{"text": text, "label": "x"}, {"text": "b", "label": "y"}])
    read = data.corpus([tmp_path / "a.jsonl"])
    assert [len(one.text) for one in read] == [len(text), 1]
    assert Tokenizer.fit((one.text for one in read), 100, 1).size <= 100
