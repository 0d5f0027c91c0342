"""Asking a model server over HTTP, with one pool of kept connections."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.peers.driver import IN_FLIGHT, Ask
from deploy.services.ports import free_port

__all__ = ["ask_over", "free_port"]

START_S = 600.0
KEPT_S = 2.0
"""How long an idle connection is kept: less than servers keep it, so that none is used that just
went."""


@asynccontextmanager
async def ask_over(
    server: "subprocess.Popen[bytes]", port: int, alive: str, path: str, *, lists: bool = False
) -> AsyncIterator[Ask]:
    """Yields a way to ask once the server answers at `alive`; ends the server.

    Args:
        server: its process.
        port: where it listens.
        alive: path that answers when it is ready.
        path: of the model.
        lists: whether question and answer are lists of one.
    """
    import aiohttp

    base = f"http://127.0.0.1:{port}"
    try:
        pool = aiohttp.TCPConnector(limit=IN_FLIGHT, keepalive_timeout=KEPT_S)
        async with aiohttp.ClientSession(base, connector=pool) as session:

            async def ask(text: str) -> tuple[str, float]:
                question = {"text": [text] if lists else text}
                async with session.post(path, json=question) as response:
                    response.raise_for_status()
                    said = await response.json(content_type=None)
                one = said[0] if lists else said
                return one["label"], one["score"]

            await _await_start(session, server, alive)
            await ask("warm")
            yield ask
    finally:
        server.terminate()
        server.wait()


async def _await_start(session: Any, server: "subprocess.Popen[bytes]", alive: str) -> None:
    import aiohttp

    for _ in range(int(START_S / 0.2)):
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        try:
            async with session.get(alive) as response:
                if response.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    raise RuntimeError("the server does not answer")
