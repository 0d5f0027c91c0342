"""What producers write: mostly jobs; duplicates, conflicts, rubbish, expired and deadly texts."""

from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from random import Random

import msgspec

from schemas.prediction import Prediction
from schemas.record import Partition, Terminal
from tests.unit import examples
from tests.unit.fakes import Coordinates, MemoryLog

WALL = 1_700_000_000.0
"""What the wall clock shows when a history begins."""
DEADLY = "deadly"

_ANSWERED = frozenset({Terminal.DONE, Terminal.DUPLICATE, Terminal.CONFLICT})


class Planted(msgspec.Struct, frozen=True):
    """A record and how it may end."""

    kind: str
    job_id: str
    text: str
    may_end: frozenset[Terminal]


@cache
def oracle(text: str) -> Prediction:
    """The answer to a text: depends on every bit of it and on nothing else."""
    return Prediction(tokens=len(text), label=blake2b(text.encode(), digest_size=8).hexdigest())


class Content:
    """Writes to the log and remembers what it wrote."""

    def __init__(self, random: Random, log: MemoryLog) -> None:
        self.planted: dict[Coordinates, Planted] = {}
        self._random = random
        self._log = log
        self._deadly_left = random.choice((0, 0, 0, 1))
        self._jobs: list[str] = []

    def write(self, partition: Partition, now: float) -> None:
        """Append one record."""
        kind = self._random.choices(
            ("job", "repeated", "rubbish", "undecodable", "expiring", "deadly"),
            (60, 20, 8, 2, 6, 4),
        )[0]
        gap = self._random.choice((0, 0, 0, 0, 1, 3))
        planted, content = getattr(self, f"_{kind}")(now)
        offset = self._log.append(partition, content, gap=gap)
        self.planted[partition, offset] = planted
        if planted.kind == "undecodable":
            self._log.undecodable.add((partition, offset))

    def _new_id(self) -> str:
        self._jobs.append(f"job-{len(self._jobs)}")
        return self._jobs[-1]

    def _job(self, now: float, job_id: str | None = None, copy: str = "") -> tuple[Planted, bytes]:
        job_id = job_id or self._new_id()
        text = f"text of {job_id}{copy}"
        return Planted("job", job_id, text, _ANSWERED), examples.value(job_id, text)

    def _repeated(self, now: float) -> tuple[Planted, bytes]:
        job_id = self._random.choice(self._jobs) if self._jobs else None
        return self._job(now, job_id, self._random.choice(("", "", ", but another")))

    def _rubbish(self, now: float) -> tuple[Planted, bytes]:
        content = self._random.choice((b"", b"{", b"\xff", b"[]", b'{"job_id":"x"}'))
        return Planted("rubbish", "", "", frozenset({Terminal.INVALID})), content

    def _undecodable(self, now: float) -> tuple[Planted, bytes]:
        return Planted("undecodable", "", "", frozenset({Terminal.INVALID})), b"?"

    def _expiring(self, now: float) -> tuple[Planted, bytes]:
        job_id = self._new_id()
        at = datetime.fromtimestamp(WALL + now + self._random.choice((-1, 0.5, 2)), UTC)
        content = examples.value(job_id, f"text of {job_id}", deadline=at.isoformat())
        may_end = _ANSWERED | {Terminal.EXPIRED}
        return Planted("expiring", job_id, f"text of {job_id}", may_end), content

    def _deadly(self, now: float) -> tuple[Planted, bytes]:
        if not self._deadly_left:
            return self._job(now)
        self._deadly_left -= 1
        job_id = f"deadly-{self._deadly_left}"
        quarantined = frozenset({Terminal.QUARANTINED})
        return Planted("deadly", job_id, DEADLY, quarantined), examples.value(job_id, DEADLY)
