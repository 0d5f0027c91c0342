"""Which partition a record is written to: of the same key always the same one.

Kafka's clients hash keys by murmur2, which here is written in Python and was a fifth of what it
costs to send a job. What is answered does not depend on the partition: a job that another client
sends again, to another one, ends as DUPLICATE as well.
"""

from typing import Any
from zlib import crc32

from kafka.partitioner import Partitioner


class ByChecksum(Partitioner):  # type: ignore[misc]  # the library ships no types
    """By the CRC-32 of the key, which every record of ours has."""

    def partition(
        self,
        topic: str,
        key: object,
        serialized_key: bytes,
        value: object,
        serialized_value: bytes,
        cluster: Any,
    ) -> int:
        """See `kafka.partitioner.Partitioner`."""
        return crc32(serialized_key) % len(cluster.partitions_for_topic(topic))
