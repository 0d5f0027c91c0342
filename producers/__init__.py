"""Ways into the job log, for programs and for files.

    from producers import Publisher

    with Publisher() as publisher:
        [job_id] = publisher.publish("What a film!", tasks=["sentiment"])

Light on purpose: no TensorFlow, Celery or SQLAlchemy is imported, and kafka-python only when the
settings name a broker.
"""

from producers.publisher import Publisher

__all__ = ["Publisher"]
