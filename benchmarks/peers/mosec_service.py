"""The server that `benchmarks.peers.mosec` drives; mosec reads the port from the command line."""

from mosec import Server, Worker

from benchmarks.peers import given as g

MOST, WAIT_MS = 64, 10


class Inference(Worker):
    """Answers batches of JSON bodies."""

    def __init__(self) -> None:
        super().__init__()
        from benchmarks.peers.model import load

        self._model = load(g.Given.handed_down().version)

    def forward(self, data: list[dict[str, str]]) -> list[dict[str, object]]:
        """Labels and scores."""
        from benchmarks.peers.model import predict_padded

        said = predict_padded(self._model, [one["text"] for one in data])
        return [{"label": one.label, "score": one.score} for one in said]


if __name__ == "__main__":
    server = Server()
    server.append_worker(Inference, max_batch_size=MOST, max_wait_time=WAIT_MS, timeout=60)
    server.run()
