"""Tags with names, what finds them, and what the dictionary of names must hold."""

from sqlalchemy import Engine, text

from schemas.prediction import Prediction, Span
from schemas.task import Task
from tests.contracts.store_world import World
from workers.ports import Answer
from workers.sql.entity_names import LONGEST
from workers.sql.lookup import Wanted, count_answers, list_answers
from workers.sql.place import Place


def named(*names: str) -> Prediction:
    """Tags with these names."""
    spans = tuple(Span(start=0, end=len(name), label="ORG", text=name) for name in names)
    return Prediction(tokens=1, spans=spans)


def tags(world: World, offset: int, *names: str, **fields: object) -> Answer:
    return world.answer(offset, said=named(*names), task=Task.TAGGING, **fields)  # type: ignore[arg-type]


def jobs(world: World, part: str, **restriction: object) -> set[str]:
    """The jobs that a part of a name finds: in pages of two, and as many as are counted."""
    wanted = Wanted(task=Task.TAGGING, part=part, **restriction)  # type: ignore[arg-type]
    found: list[str] = []
    place: Place | None = None
    while page := list_answers(world.engine, wanted, 2, place):
        found += [answer.job_id for answer in page]
        place = page[-1].place
    assert len(set(found)) == len(found) == count_answers(world.engine, wanted)
    return set(found)


def dictionary(engine: Engine) -> set[tuple[str, str]]:
    with engine.connect() as connection:
        return {tuple(row) for row in connection.execute(text("SELECT * FROM entity_name"))}


def in_answers(world: World) -> set[tuple[str, str]]:
    """What the dictionary must be."""
    names = "json_each(names)" if world.engine.dialect.name == "sqlite" else "unnest(names)"
    value = "value" if world.engine.dialect.name == "sqlite" else "n"
    rows = world.rows(f"SELECT tenant, {value} FROM result CROSS JOIN {names} AS n")
    return {(tenant, name) for tenant, name in rows if len(name) <= LONGEST}
