"""Which tokenizer a training needs, from its recipe, its language and its parent."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from models import catalog
from models.text import words
from models.text.cleaning import NOTHING
from models.text.lexicon import Lexicon
from models.text.tokenizer import Tokenizer
from models.text.vocabulary import Unit
from models.text.words import WordTokenizer
from models.training import unlabelled
from models.training.config import Config
from models.training.courses.course import Sources
from schemas.errors import SettingsError


def tokenizer_for(texts: Iterable[str], sources: Sources, config: Config) -> Tokenizer:
    """Return the parent's tokenizer, or one learnt from the training texts.

    Raises SettingsError where the recipe's `[parsing]` or unit is wrong.
    """
    if sources.tokenizer is not None:
        return Tokenizer.load(sources.tokenizer)
    wanted = config.tokenizer
    hashed = catalog.features_of(config.encoder).hashed
    if hashed and wanted.unit == "subword":
        raise SettingsError(
            '[encoder.features] are of words or characters: set [tokenizer] unit = "word"'
        )
    if wanted.unit == "mixed":
        raise SettingsError('[tokenizer] unit: a classifier takes "subword", "character" or "word"')
    unit: Unit = wanted.unit or ("word" if hashed else "subword")
    if unit == "word" and sources.lang == "zh":
        unit = "chinese word"
    lexicon = _lexicon(sources, config)
    return Tokenizer.fit(
        _WithRaw(texts, sources),
        wanted.vocabulary,
        wanted.min_frequency,
        unit,
        config.parsing,
        lexicon,
    )


def word_tokenizer_for(
    sentences: Iterable[Sequence[str]], sources: Sources, config: Config
) -> WordTokenizer:
    """Return the parent's tokenizer of units with places, or one learnt from cut `sentences`."""
    if sources.tokenizer is not None:
        return WordTokenizer.load(sources.tokenizer)
    wanted, unit = config.tokenizer, placed_unit(sources, config)
    lexicon = _lexicon(sources, config)
    bare = WordTokenizer.bare(unit)
    raw = ([word.form for word in bare.split(text)] for text in _WithRaw((), sources))
    sentences = chain(sentences, raw)
    return WordTokenizer.fit(sentences, unit, wanted.vocabulary, wanted.min_frequency, lexicon)


def text_tokenizer_for(texts: Iterable[str], sources: Sources, config: Config) -> WordTokenizer:
    """Do the same with texts that nobody has cut."""
    bare = WordTokenizer.bare(placed_unit(sources, config))
    cut = ([word.form for word in bare.split(text)] for text in texts)
    return word_tokenizer_for(cut, sources, config)


def placed_unit(sources: Sources, config: Config) -> words.Unit:
    """Return the unit for a head whose answers are stretches of the text, spans or sentences.

    Raises SettingsError where the recipe asks for what no such head can do.
    """
    if config.parsing != NOTHING:
        raise SettingsError(
            "[parsing] cannot serve tagging or extraction: an answer has a place in the text as "
            "it came, so nothing may be taken out; leave the table out"
        )
    unit = config.tokenizer.unit
    if unit == "subword":
        raise SettingsError('[tokenizer] unit: this head takes "character", "word" or "mixed"')
    return unit or words.UNITS[sources.lang]


class _WithRaw:
    """Texts, and the raw ones that come with them, anew at each iteration."""

    def __init__(self, texts: Iterable[str], sources: Sources) -> None:
        self._texts, self._sources = texts, sources

    def __iter__(self) -> Iterator[str]:
        yield from self._texts
        if self._sources.raw:
            yield from unlabelled.read(self._sources.raw, self._sources.lang, self._sources.reading)


def _lexicon(sources: Sources, config: Config) -> Lexicon:
    """Return the dictionary that the recipe's features look up.

    Raises:
        SettingsError: there is one and nothing looks it up, or the other way round.
        DataError: it cannot be read.
    """
    if (sources.lexicon is not None) != catalog.features_of(config.encoder).looks_up:
        raise SettingsError(
            "--lexicon FILE and `lexicon` or `kinds` in the recipe's [encoder.features] go "
            "together: give both or neither"
        )
    if sources.lexicon is None:
        return Lexicon({})
    return Lexicon.read(sources.lexicon, config.tokenizer.lexicon_count)
