"""Which tokenizer a training needs, from its recipe, its language and its parent."""

from collections.abc import Iterable, Sequence
from typing import Literal

from models.text.cleaning import NOTHING
from models.text.tokenizer import Tokenizer
from models.text.vocabulary import Unit
from models.text.words import WordTokenizer
from models.training.config import Config
from models.training.courses.course import Sources
from schemas.errors import SettingsError


def tokenizer_for(texts: Iterable[str], sources: Sources, config: Config) -> Tokenizer:
    """Return the parent's tokenizer, or one learnt from the training texts.

    Raises SettingsError where the recipe's `[parsing]` is wrong.
    """
    if sources.tokenizer is not None:
        return Tokenizer.load(sources.tokenizer)
    wanted = config.tokenizer
    unit: Unit = wanted.unit or "subword"
    if unit == "word" and sources.lang == "zh":
        unit = "chinese word"
    return Tokenizer.fit(texts, wanted.vocabulary, wanted.min_frequency, unit, config.parsing)


def word_tokenizer_for(
    sentences: Iterable[Sequence[str]], sources: Sources, config: Config
) -> WordTokenizer:
    """Return the parent's tokenizer of units that carry tags, or one learnt from `sentences`."""
    if sources.tokenizer is not None:
        return WordTokenizer.load(sources.tokenizer)
    wanted, unit = config.tokenizer, tagging_unit(sources, config)
    return WordTokenizer.fit(sentences, unit, wanted.vocabulary, wanted.min_frequency)


def tagging_unit(sources: Sources, config: Config) -> Literal["character", "word"]:
    """Return what carries a tag; SettingsError where the recipe asks for what no tagger can do."""
    if config.parsing != NOTHING:
        raise SettingsError(
            "[parsing] cannot serve tagging: a span has a place in the text as it came, "
            "so nothing may be taken out; leave the table out"
        )
    unit = config.tokenizer.unit
    if unit == "subword":
        raise SettingsError('[tokenizer] unit: a tagger takes "character" or "word"')
    return unit or ("character" if sources.lang == "zh" else "word")
