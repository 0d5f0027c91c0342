"""celery-batches: one Celery task a text, gathered in the worker to 64 or for 50 ms.

    python -m benchmarks.peers.celery_batches VERSION TOPIC RUN     a feeder and its worker

https://celery-batches.readthedocs.io: `@app.task(base=Batches, flush_every=…, flush_interval=…)`.
The solo pool, since TensorFlow must not be forked; the broker is the settings' Redis.
"""

from typing import Any

from celery_batches import Batches

from benchmarks.peers.feeder import feed, make_app, state

app = make_app("batches")


@app.task(base=Batches, flush_every=64, flush_interval=0.05)
def answer(requests: Any) -> None:
    """Answer the texts of these requests."""
    from benchmarks.peers import given as g
    from benchmarks.peers.model import predict_padded

    jobs = [g.Job(*request.args) for request in requests]
    predictions = predict_padded(state().model, [job.text for job in jobs])
    g.insert(state().connection, state().given.run, g.answers(jobs, predictions))


if __name__ == "__main__":
    feed("benchmarks.peers.celery_batches", "answer")
