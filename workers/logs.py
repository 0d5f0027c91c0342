"""What a running process says: one line an event, on standard error, never a text or an answer.

Our own loggers tell INFO and above. kafka-python writes dozens of lines and a traceback for every
connection it loses; of those a line every ten seconds is enough to see that Kafka is away.
"""

import logging
import time
from typing import Final

KAFKA_EVERY_S: Final = 10.0


def speak() -> None:
    """Set up logging for a process that runs until it is told to stop."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(KafkaNowAndThen())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("workers").setLevel(logging.INFO)


class KafkaNowAndThen(logging.Filter):
    """Lets through what kafka-python says at most every ten seconds, without tracebacks."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at = -KAFKA_EVERY_S

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown; may take its traceback away."""
        if not record.name.startswith("kafka"):
            return True
        record.exc_info = record.exc_text = None
        now = time.monotonic()
        if now - self._said_at < KAFKA_EVERY_S:
            return False
        self._said_at = now
        return True
