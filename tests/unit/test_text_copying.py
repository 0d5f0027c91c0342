"""Every word of a source has a number, known or not."""

import numpy as np

from models.text.copying import extended, read, unknown
from models.text.features import FeatureConfig
from models.text.words import WordTokenizer

TOKENIZER = WordTokenizer.fit([["the", "cat", "the"]], "mixed", 10, 1)
TEXT = "The Zyx cat 研 zyx the"


def test_unknown_words_are_numbered_beyond_the_vocabulary() -> None:
    ids = read(TOKENIZER.split(TEXT), TOKENIZER, FeatureConfig())
    size, the, cat = TOKENIZER.size, TOKENIZER.id("the"), TOKENIZER.id("cat")
    assert ids.dtype == np.int32
    assert ids.tolist() == [[the, the], [1, size], [cat, cat], [1, size + 1], [1, size], [the, the]]


def test_a_summary_s_words_have_the_source_s_numbers() -> None:
    new = unknown(TEXT.split(), TOKENIZER)
    numbers = list(extended(["ZYX", "cat", "dog"], new, TOKENIZER))
    assert numbers == [TOKENIZER.size, TOKENIZER.id("cat"), 1]


def test_nothing_is_one_unknown_word() -> None:
    assert read([], TOKENIZER, FeatureConfig()).tolist() == [[1, TOKENIZER.size]]


def test_hashed_features_stand_between() -> None:
    ids = read(TOKENIZER.split(TEXT), TOKENIZER, FeatureConfig(suffixes=(1, 2)))
    assert ids.shape == (6, 4)
