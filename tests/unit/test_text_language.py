"""Which language: right on clear texts, defined on all, cheap on long ones, light to import."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.language import SAMPLE, detect


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天天气真好", "zh"),
        ("I would like to book a table", "en"),
        ("我用 TensorFlow 和 Keras 训练模型", "zh"),
        ("I love 北京 very much indeed", "en"),
        ("café déjà vu", "en"),
        ("", "en"),
        ("😀😀", "en"),
        ("12345 …", "en"),
        ("😀 好", "zh"),
        ("。。。", "en"),
    ],
)
def test_detects(text: str, expected: str) -> None:
    assert detect(text) == expected


@given(st.text(st.characters(categories=None)))
def test_is_total(text: str) -> None:
    assert detect(text) in ("zh", "en")


def test_only_the_beginning_is_looked_at() -> None:
    assert detect("a" * SAMPLE + "好" * 1_000_000) == "en"


def test_imports_nothing_heavy() -> None:
    code = (
        "import sys, models.text.language;"
        "print({'numpy', 'tokenizers', 'keras', 'tensorflow', 'msgspec'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
