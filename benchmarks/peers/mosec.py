"""mosec: a worker with dynamic batching behind HTTP, driven from the topic.

https://mosecorg.github.io/mosec: `Worker.forward` is given a list where `max_batch_size` is set.
The server is `mosec_service.py`.
"""

import asyncio
import subprocess
import sys

from benchmarks.peers import given as g
from benchmarks.peers.driver import drive
from benchmarks.peers.http import ask_over, free_port


async def main() -> None:
    """Start the server and drive it."""
    given = g.Given.read()
    given.hand_down()
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.mosec_service", "--port", str(port)]
    server = subprocess.Popen([*command, "--address", "127.0.0.1", "--timeout", "60000"])
    async with ask_over(server, port, "/", "/inference") as ask:
        await drive(given, ask)


if __name__ == "__main__":
    asyncio.run(main())
