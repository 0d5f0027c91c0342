"""A stream of texts as it comes in: three quarters short, a fifth medium, a twentieth long.

The words are those of the demonstration's English texts, put together anew by a seed, so that the
measurement needs no corpus and every text is different.
"""

import random

from workers.demo import samples

SHARES = ((0.75, 4, 16), (0.20, 30, 60), (0.05, 120, 360))
"""(share, fewest words, most words): about 13, 60 and 330 tokens."""


def mix(count: int, seed: int = 1) -> list[str]:
    """`count` different English texts, in random order of length."""
    words = _words()
    rng = random.Random(seed)
    kinds = rng.choices(SHARES, [share for share, _, _ in SHARES], k=count)
    return [" ".join(rng.choices(words, k=rng.randint(few, many))) for _, few, many in kinds]


def _words() -> list[str]:
    sources = [source for source, _ in samples.SOURCES if source.endswith("-en.jsonl")]
    texts = [job.text for source in sources for job in samples.read(source)]
    return [word for text in texts for word in text.split()]
