"""Asking a model server over HTTP, with one pool of kept connections."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.peers.driver import IN_FLIGHT, Ask
from deploy.services.ports import free_port

__all__ = ["ask_over", "free_port"]

START_S = 120.0


@asynccontextmanager
async def ask_over(
    server: "subprocess.Popen[bytes]", port: int, alive: str, path: str
) -> AsyncIterator[Ask]:
    """Yields a way to ask once the server answers at `alive`; ends the server."""
    import aiohttp

    base = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession(
            base, connector=aiohttp.TCPConnector(limit=IN_FLIGHT)
        ) as session:

            async def ask(text: str) -> tuple[str, float]:
                async with session.post(path, json={"text": text}) as response:
                    response.raise_for_status()
                    said = await response.json(content_type=None)
                return said["label"], said["score"]

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
