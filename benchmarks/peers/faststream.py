"""FastStream: a batch subscriber on aiokafka, 256 records in order of arrival.

https://faststream.ag2.ai: `@broker.subscriber(topic, batch=True)`. The handler computes in a thread
so that the consumer keeps its heartbeat, inserts through an async connection, and returning
acknowledges the batch.
"""

import asyncio

import psycopg
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from pydantic import BaseModel

from benchmarks.peers import given as g
from benchmarks.peers.model import load, predict_padded

BATCH = 256


class Job(BaseModel):
    """What is read of a record."""

    job_id: str
    text: str


async def main() -> None:
    """Answer until ended."""
    given = g.Given.read()
    model = load(given.version)
    connection = await psycopg.AsyncConnection.connect(g.postgres())
    broker = KafkaBroker(g.settings().kafka.bootstrap_servers)

    @broker.subscriber(
        given.topic,
        batch=True,
        max_records=BATCH,
        group_id=given.run,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.REJECT_ON_ERROR,
    )
    async def answer(jobs: list[Job]) -> None:
        predictions = await asyncio.to_thread(predict_padded, model, [job.text for job in jobs])
        asked = [g.Job(job.job_id, job.text) for job in jobs]
        await g.insert_async(connection, given.run, g.answers(asked, predictions))

    await FastStream(broker).run()


if __name__ == "__main__":
    asyncio.run(main())
