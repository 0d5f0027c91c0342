"""Ray Serve: one replica with `@serve.batch`, asked through its handle, driven from the topic.

https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html
"""

import asyncio
from typing import Any

import ray
from ray import serve

from benchmarks.peers import given as g
from benchmarks.peers.driver import IN_FLIGHT, drive

MOST, WAIT_S = 64, 0.01
TRIES = 5


@serve.deployment(max_ongoing_requests=IN_FLIGHT)
class Model:
    """Answers texts in batches."""

    def __init__(self, version: str) -> None:
        from pathlib import Path

        from benchmarks.peers.model import load

        self._model = load(Path(version))

    @serve.batch(max_batch_size=MOST, batch_wait_timeout_s=WAIT_S)
    async def __call__(self, texts: list[str]) -> list[tuple[str, float]]:
        """Labels and scores."""
        from benchmarks.peers.model import predict_padded

        said = predict_padded(self._model, texts)
        return [(one.label, one.score) for one in said]


def start_ray() -> None:
    """Start a node; Ray gives its own agents 15 seconds, too few for a machine that is busy."""
    for attempt in range(TRIES):
        try:
            ray.init(include_dashboard=False, log_to_driver=False)
            return
        except Exception:  # Ray raises no narrower one here
            ray.shutdown()
            if attempt == TRIES - 1:
                raise


async def main() -> None:
    """Start Ray on this machine and drive the deployment."""
    given = g.Given.read()
    start_ray()
    deployment: Any = Model
    handle = serve.run(deployment.bind(str(given.version)), route_prefix=None)

    async def ask(text: str) -> tuple[str, float]:
        label, score = await handle.remote(text)
        return label, score

    await drive(given, ask)


if __name__ == "__main__":
    asyncio.run(main())
