"""BentoML: a service with a batchable API behind HTTP, driven from the topic.

https://docs.bentoml.com: `@bentoml.api(batchable=True)`; the server makes the batches. The service
is in `bentoml_service.py`, which `bentoml serve` imports.
"""

import asyncio
import os
import subprocess
import sys
import tempfile

from benchmarks.peers import given as g
from benchmarks.peers.driver import drive
from benchmarks.peers.http import ask_over, free_port


async def main() -> None:
    """Start the server and drive it."""
    given = g.Given.read()
    given.hand_down()
    port = free_port()
    os.environ |= {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": tempfile.mkdtemp()}
    command = [sys.executable, "-m", "bentoml", "serve", "benchmarks.peers.bentoml_service:Model"]
    server = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)])
    async with ask_over(server, port, "/readyz", "/answer", lists=True) as ask:
        await drive(given, ask)


if __name__ == "__main__":
    asyncio.run(main())
