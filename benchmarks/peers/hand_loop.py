"""What one writes by hand: consume 256, pad to the longest, insert, commit."""

import psycopg

from benchmarks.peers import given as g
from benchmarks.peers.model import load, predict_padded

BATCH = 256


def main() -> None:
    """Answer until ended."""
    given = g.Given.read()
    model, consumer = load(given.version), g.consumer(given, BATCH)
    with psycopg.connect(g.postgres()) as connection:
        while True:
            jobs = g.take(consumer, BATCH)
            if jobs:
                predictions = predict_padded(model, [job.text for job in jobs])
                g.insert(connection, given.run, g.answers(jobs, predictions))
                consumer.commit()


if __name__ == "__main__":
    main()
