"""What a row tells of how its job came to its version, on both databases."""

from datetime import UTC, datetime

from sqlalchemy import select

from schemas.batch import Batch
from schemas.tables import result
from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import PUBLISHED_AT, World

__all__ = ["store_url", "world"]


def test_a_row_tells_its_arm_its_worker_and_when_its_batch_was_formed(world: World) -> None:
    answers = [world.answer(1), world.answer(2, arm="canary")]
    batch = Batch(
        batch_id="b",
        attempt=1,
        reply_to="d",
        version_id=world.version.version_id,
        digest=world.version.digest,
        items=tuple(answer.item for answer in answers),
        worker_id="w1",
        formed_at=PUBLISHED_AT + 1,
    )
    world.results.record(batch, answers, (), 0.5)
    world.record(world.answer(3))
    with world.engine.connect() as connection:
        columns = result.c.arm, result.c.worker_id, result.c.formed_at
        rows = connection.execute(select(*columns).order_by(result.c.record_offset)).all()
    formed_at = datetime.fromtimestamp(PUBLISHED_AT + 1, UTC)
    assert rows == [("live", "w1", formed_at), ("canary", "w1", formed_at), ("live", None, None)]
