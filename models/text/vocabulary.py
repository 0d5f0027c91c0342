"""Vocabularies learnt from texts, one function a unit: what becomes one token.

    subword      every Chinese character and punctuation mark, else the pieces that byte-pair
                 encoding finds (Sennrich et al. 2016)
    character    every character but blanks
    word         words as the corpora of taggers have them; in Chinese the cut of greatest
                 probability into words of a unigram model, which expectation maximisation learns
                 from the texts themselves (Kudo 2018): no dictionary and no segmenter is needed

Each takes clean lower-case texts and gives a tokenizer of the `tokenizers` library without
normalizer. Its ids 0 and 1 are padding and the unknown token, which no text can spell, because they
are in capitals.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from models.text import word_model
from models.text.words import PATTERNS, ranked
from schemas.errors import DataError

PAD, UNKNOWN = 0, 1
SPECIAL = ("[PAD]", "[UNK]")
Unit = Literal["subword", "character", "word", "chinese word"]

_HAN_RUNS = r"\p{Han}+|[^\W\p{Han}]+|\S"
WITHIN_WORDS = frozenset({PATTERNS["character"], PATTERNS["word"], _HAN_RUNS})
"""Patterns of pre-tokenizers here that look at nothing beyond a blank."""
_LONG_WORD = ".{1000}"
"""What a longer word is cut into: learning costs the square of a word's length."""


def learn(texts: Iterable[str], unit: Unit, size: int, min_frequency: int) -> Tokenizer:
    """Learn at most `size` tokens, each seen `min_frequency` times or more.

    The same texts in the same order give the same tokens; they are gone over twice.
    Raises DataError where they hold nothing to learn from.
    """
    counts = Counter(character for text in texts for character in text if character != " ")
    alphabet = {one for one, count in counts.items() if count >= min_frequency}
    if not alphabet:
        raise DataError("the training texts are too few or empty: no vocabulary can be learnt")
    return _LEARNERS[unit](texts, alphabet, size, min_frequency)


def _subwords(texts: Iterable[str], alphabet: set[str], size: int, min_frequency: int) -> Tokenizer:
    """Learn with texts split at Chinese characters and punctuation, so that no piece spans one.

    Encoding therefore need not split there: the same ids come out of whole words, at a quarter of
    the time for Chinese and half for English.
    """
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated"),
            pre_tokenizers.BertPreTokenizer(),
            pre_tokenizers.Split(Regex(_LONG_WORD), "isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        limit_alphabet=len(alphabet),
        special_tokens=list(SPECIAL),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    learnt = json.loads(learner.to_str())["model"]
    pairs = [(first, second) for first, second in learnt["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocab=learnt["vocab"], merges=pairs, unk_token=SPECIAL[UNKNOWN])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def _characters(
    texts: Iterable[str], alphabet: set[str], size: int, min_frequency: int
) -> Tokenizer:
    return _listed(texts, PATTERNS["character"], size, min_frequency)


def _words(texts: Iterable[str], alphabet: set[str], size: int, min_frequency: int) -> Tokenizer:
    return _listed(texts, PATTERNS["word"], size, min_frequency)


def _listed(texts: Iterable[str], pattern: str, size: int, min_frequency: int) -> Tokenizer:
    """Return the most frequent matches of a pattern."""
    cut = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    counts = Counter(form for text in texts for form, _ in cut.pre_tokenize_str(text))
    known = [form for form, count in ranked(counts) if count >= min_frequency]
    ids = {form: number for number, form in enumerate((*SPECIAL, *known[: size - len(SPECIAL)]))}
    tokenizer = Tokenizer(models.WordLevel(vocab=ids, unk_token=SPECIAL[UNKNOWN]))
    tokenizer.pre_tokenizer = cut
    return tokenizer


def _chinese_words(
    texts: Iterable[str], alphabet: set[str], size: int, min_frequency: int
) -> Tokenizer:
    """Return a unigram model; characters that are too rare are unknown, and in no word."""
    cut = pre_tokenizers.Split(Regex(_HAN_RUNS), "removed", invert=True)
    known = ("".join(one if one in alphabet else " " for one in text) for text in texts)
    runs = Counter(run for text in known for run, _ in cut.pre_tokenize_str(text))
    words = word_model.learn(runs, size - len(SPECIAL), min_frequency)
    special = [(form, 0.0) for form in SPECIAL]
    tokenizer = Tokenizer(models.Unigram(special + words, UNKNOWN, False))
    tokenizer.pre_tokenizer = cut
    return tokenizer


_LEARNERS: Mapping[Unit, Callable[[Iterable[str], set[str], int, int], Tokenizer]] = {
    "subword": _subwords,
    "character": _characters,
    "word": _words,
    "chinese word": _chinese_words,
}
