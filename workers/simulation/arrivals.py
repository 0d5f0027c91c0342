"""Texts as a simulation sees them: when each comes, how long it is, whether somebody waits.

Drawn arrivals are a Poisson process (open loop: nobody waits for an answer before he asks again),
and lengths are those of the benchmark's mix: 75 % short, 20 % medium, 5 % long.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from schemas.errors import DataError

_KINDS = ((0.75, 13, 0.4), (0.20, 60, 0.3), (0.05, 250, 0.4))
"""Share, median tokens and spread (standard deviation of the logarithm) of each kind of text."""


class Arrival(msgspec.Struct, frozen=True):
    """One text."""

    at: float
    """Seconds since the beginning."""
    tokens: int
    bulk: bool = False
    deadline_s: float | None = None
    """Seconds after its arrival when it must be answered, or not at all; None: at any time."""


def draw(
    texts: int, rate: float, bulk: float, seed: int, deadline_s: float | None = None
) -> list[Arrival]:
    """Return `texts` arrivals, `rate` a second on the mean, a share `bulk` of them bulk work; the
    others have this deadline."""
    random = np.random.default_rng(seed)
    times = np.cumsum(random.exponential(1 / rate, texts))
    shares, medians, spreads = (np.array(column) for column in zip(*_KINDS, strict=True))
    kinds = random.choice(len(_KINDS), texts, p=shares)
    lengths = np.exp(random.normal(np.log(medians[kinds]), spreads[kinds]))
    tokens = np.clip(lengths.round().astype(int), 1, 512)
    patient = random.random(texts) < bulk
    columns = times.tolist(), tokens.tolist(), patient.tolist()
    rows = zip(*columns, strict=True)
    return [Arrival(at, n, late, None if late else deadline_s) for at, n, late in rows]


def read(path: Path) -> list[Arrival]:
    """Return recorded arrivals, JSON lines `{"at": …, "tokens": …}`, in order of time; `"bulk":
    true` and `"deadline_s": …` may be added.

    Raises:
        DataError: the file cannot be read, or a line is no arrival; names the line.
    """
    found = sorted(_lines(path), key=lambda one: one.at)
    if not found:
        raise DataError(f"{path} holds no arrivals")
    return found


def _lines(path: Path) -> Iterator[Arrival]:
    decoder = msgspec.json.Decoder(Arrival)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            one = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise DataError(f"{path}, line {number}: {error}") from error
        if one.tokens < 1 or one.at < 0:
            raise DataError(f"{path}, line {number}: tokens begin at 1 and times at 0")
        yield one
