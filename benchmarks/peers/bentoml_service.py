"""The service that `benchmarks.peers.bentoml` serves."""

import bentoml

from benchmarks.peers import given as g

MOST, WAIT_MS = 64, 10_000


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 1024})
class Model:
    """Answers texts in batches."""

    def __init__(self) -> None:
        from benchmarks.peers.model import load

        self._model = load(g.Given.handed_down().version)

    @bentoml.api(batchable=True, max_batch_size=MOST, max_latency_ms=WAIT_MS)
    def answer(self, text: list[str]) -> list[dict[str, object]]:
        """Labels and scores."""
        from benchmarks.peers.model import predict_padded

        said = predict_padded(self._model, text)
        return [{"label": one.label, "score": one.score} for one in said]
