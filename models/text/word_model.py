"""A unigram model of Chinese words, learnt from unsegmented text.

A candidate is a substring that is seen often enough and holds together: wherever one parts it, the
parts meet `_COHESION` times as often as they would by chance. The text is cut into candidates with
the greatest product of probabilities (Viterbi), the candidates are counted in that cut, and what
was counted is the next model: hard expectation maximisation (Kudo 2018, section 3.2, with the best
cut in place of all). The `tokenizers` library has a trainer of its own, which sums in the order of
its hash tables and gives other words at every run; here the same text gives the same words. Pure.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from math import log

from tokenizers import Tokenizer, models

from models.text.words import ranked

LONGEST = 6
"""Characters of a word at most."""
_ROUNDS = 4
_COHESION = 8
_CANDIDATES = 4  # times the size of the result
_MOST_CHARACTERS = 4_000_000  # of the runs that are learnt from, the most frequent first


def learn(runs: Mapping[str, int], size: int, min_frequency: int) -> list[tuple[str, float]]:
    """Return at most `size` words with the logarithms of their probabilities, likeliest first.

    `runs` are stretches that no word exceeds, and how often each is seen. Every character is among
    the words, as far as `size` holds them.
    """
    read = _read(runs)
    counts = _substrings(read, min_frequency)
    words = _kept(Counter({form: n * len(form) for form, n in counts.items()}), _CANDIDATES * size)
    model = {form: counts[form] for form in words}
    for number in range(_ROUNDS):
        found = _counted(read, _scores(model))
        most = size if number == _ROUNDS - 1 else _CANDIDATES * size
        enough = {form: n for form, n in found.items() if n >= min_frequency or len(form) == 1}
        model = {form: enough[form] for form in _kept(Counter(enough), most)}
    return _scores(model)


def _read(runs: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return what is learnt from: all runs of a usual corpus."""
    order = ranked(Counter(runs))
    ends = accumulate(len(run) for run, _ in order)
    return [pair for pair, end in zip(order, ends, strict=True) if end <= _MOST_CHARACTERS]


def _substrings(runs: list[tuple[str, int]], min_frequency: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for run, times in runs:
        for start in range(len(run)):
            for end in range(start + 1, min(start + LONGEST, len(run)) + 1):
                counts[run[start:end]] += times
    total = sum(n for form, n in counts.items() if len(form) == 1)
    return Counter(
        {
            form: n
            for form, n in counts.items()
            if len(form) == 1 or (n >= min_frequency and _holds_together(form, counts, total))
        }
    )


def _holds_together(form: str, counts: Mapping[str, int], total: int) -> bool:
    least = counts[form] * total / _COHESION
    return all(counts[form[:at]] * counts[form[at:]] <= least for at in range(1, len(form)))


def _kept(worth: Counter[str], most: int) -> list[str]:
    """Return all characters, then the worthiest words, `most` together."""
    order = [form for form, _ in ranked(worth)]
    return sorted(order, key=lambda form: len(form) > 1)[:most]


def _counted(runs: list[tuple[str, int]], words: list[tuple[str, float]]) -> Counter[str]:
    """Count each word in the likeliest cut of the runs."""
    cutter = Tokenizer(models.Unigram([("", 0.0), *words], 0, False))
    cuts = cutter.encode_batch([run for run, _ in runs], add_special_tokens=False)
    counts: Counter[str] = Counter({form: 1 for form, _ in words if len(form) == 1})
    for (_, times), cut in zip(runs, cuts, strict=True):
        for form in cut.tokens:
            counts[form] += times
    return counts


def _scores(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    total = sum(counts.values())
    return [(form, log(n / total)) for form, n in ranked(Counter(counts))]
