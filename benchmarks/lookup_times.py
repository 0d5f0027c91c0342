"""How long each kind of look-up takes among rows that were made up.

As its caller sees it, and as the server counts it: planning and running of all its statements, by
`pg_stat_statements`, which the server must have.
"""

import random
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, text

from benchmarks import made_up
from schemas.task import Task
from workers.sql.lookup import Wanted, count_answers, find_job, list_answers
from workers.sql.place import Place

REPEATS: Final = 100
PAGE: Final = 50
EXPORTED: Final = 1000
_DAY_S: Final = 86_400
_FORGET: Final = text("SELECT pg_stat_statements_reset()")
_TOOK: Final = text(
    "SELECT sum(total_plan_time + total_exec_time) FROM pg_stat_statements "
    "WHERE query NOT LIKE '%pg_stat_statements%'"
)
Look = Callable[[], object]


class Took(NamedTuple):
    """One look-up, in milliseconds."""

    client_ms: float
    server_ms: float


def measure(engine: Engine, rows: int) -> dict[str, list[Took]]:
    """Each of `REPEATS` look-ups, by kind; none of them in vain."""
    rng = random.Random(1)
    looks = _by_time(engine, rows, rng) | _by_name(engine, rng)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as meter:
        return {
            name: [_timed(look(), meter) for _ in range(REPEATS)] for name, look in looks.items()
        }


def _timed(look: Look, meter: Connection) -> Took:
    meter.execute(_FORGET)
    began = time.perf_counter()
    found = look()
    taken = time.perf_counter() - began
    assert found, "looked up in vain"
    return Took(taken * 1000, float(meter.execute(_TOOK).scalar_one()))


def _by_time(engine: Engine, rows: int, rng: random.Random) -> dict[str, Callable[[], Look]]:
    """By job, by label of a day, by place."""

    def of_a_day() -> Wanted:
        begin = made_up.BEGIN + timedelta(seconds=rng.randrange(max(1, rows - _DAY_S)))
        until = begin + timedelta(days=1)
        label = rng.choice(made_up.LABELS)
        return Wanted(task=Task.SENTIMENT, label=label, since=begin, until=until)

    def place() -> Place:
        at = rng.randrange(rows // 2, rows)
        return Place(made_up.BEGIN + timedelta(seconds=at), "default", f"made-{at}", 0)

    sentiments = Wanted(task=Task.SENTIMENT)
    return {
        "job_id": lambda: _job(engine, f"made-{rng.randrange(rows)}"),
        "label_and_day": lambda: _page(engine, of_a_day()),
        "count_of_label_and_day": lambda: _count(engine, of_a_day()),
        "export_piece": lambda: _page(engine, sentiments, EXPORTED, place()),
    }


def _by_name(engine: Engine, rng: random.Random) -> dict[str, Callable[[], Look]]:
    """By a whole name, by parts of Latin and Chinese ones."""
    latin, chinese = _names(engine, "<"), _names(engine, ">")

    def part(names: Sequence[str], length: int) -> Wanted:
        name = rng.choice(names)
        begin = rng.randrange(len(name) - length + 1)
        return Wanted(task=Task.TAGGING, part=name[begin : begin + length])

    def entity() -> Wanted:
        return Wanted(task=Task.TAGGING, entity=rng.choice([*latin, *chinese]))

    return {
        "entity": lambda: _page(engine, entity()),
        "part_of_a_latin_name": lambda: _page(engine, part(latin, 6)),
        "part_of_a_chinese_name": lambda: _page(engine, part(chinese, 2)),
        "one_chinese_character": lambda: _page(engine, part(chinese, 1)),
        "three_letters": lambda: _page(engine, part(latin, 3)),
    }


def _names(engine: Engine, than: str) -> list[str]:
    """A thousand different names, of Latin letters (`<` the first character beyond) or Chinese."""
    some = text(
        f"SELECT name FROM entity_name WHERE ascii(name) {than} 128 ORDER BY md5(name) LIMIT 1000"
    )
    with engine.connect() as connection:
        return list(connection.execute(some).scalars())


def _job(engine: Engine, job_id: str) -> Look:
    return lambda: find_job(engine, job_id, "default")[0]


def _count(engine: Engine, wanted: Wanted) -> Look:
    return lambda: count_answers(engine, wanted)


def _page(engine: Engine, wanted: Wanted, limit: int = PAGE, after: Place | None = None) -> Look:
    return lambda: list_answers(engine, wanted, limit, after)
