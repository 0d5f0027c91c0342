"""From the topic to a model server and on to rows, for servers that have no consumer themselves.

`IN_FLIGHT` texts are asked at the same time, so the server always has enough to make batches of.
Answers are inserted `ROWS` at a time in one statement; offsets are committed after their rows.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from benchmarks.peers import given as g

IN_FLIGHT = 512
ROWS = 256

Ask = Callable[[str], Awaitable[tuple[str, float]]]
"""A text to its label and score."""


async def drive(given: g.Given, ask: Ask) -> None:
    """Answer until ended."""
    consumer = g.consumer(given, IN_FLIGHT)
    connection = await psycopg.AsyncConnection.connect(g.postgres())
    free = asyncio.Semaphore(IN_FLIGHT)
    done: asyncio.Queue[g.Answer] = asyncio.Queue()

    async def one(job: g.Job) -> None:
        label, score = await ask(job.text)
        free.release()
        done.put_nowait(g.Answer(job.job_id, label, score))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_write(connection, given.run, done))
        while True:
            for job in await asyncio.to_thread(g.take, consumer, IN_FLIGHT // 2):
                await free.acquire()
                tasks.create_task(one(job))


async def _write(connection: Any, run: str, done: "asyncio.Queue[g.Answer]") -> None:
    while True:
        rows = [await done.get()]
        while len(rows) < ROWS and not done.empty():
            rows.append(done.get_nowait())
        await g.insert_async(connection, run, rows)
