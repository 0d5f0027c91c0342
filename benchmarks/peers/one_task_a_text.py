"""Plain Celery: one task a text, answered and inserted alone.

python -m benchmarks.peers.one_task_a_text VERSION TOPIC RUN    a feeder and its worker
"""

from benchmarks.peers.feeder import feed, make_app, state

app = make_app("single")


@app.task(ignore_result=True)
def answer(job_id: str, text: str) -> None:
    """Answer one text."""
    from benchmarks.peers import given as g

    predictions = state().model.predict_texts([text])
    rows = g.answers([g.Job(job_id, text)], predictions)
    g.insert(state().connection, state().given.run, rows)


if __name__ == "__main__":
    feed("benchmarks.peers.one_task_a_text", "answer")
