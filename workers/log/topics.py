"""Making the topics: one per task and kind of work, one for dead letters, and one per task
for results where they are told as a stream.

Safe to repeat: what exists is left as it is, except that a topic with fewer partitions than asked
gets the missing ones. The embedded log makes its topics with their first record.
"""

from collections.abc import Sequence
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError

from producers.connection import connect, unreachable
from schemas.errors import UsageError
from schemas.settings import Settings
from schemas.topics import all_topics
from schemas.wire import MAX_RECORD_BYTES

CONFIGS: Final = {"max.message.bytes": str(MAX_RECORD_BYTES)}


def create_topics(settings: Settings, partitions: int, replication: int) -> Sequence[str]:
    """Make every topic that is missing; one sentence for each topic about what was done.

    Args:
        settings: where Kafka is; without a broker there is nothing to do.
        partitions: of each topic; more partitions allow more dispatchers.
        replication: copies of each partition, at most the number of brokers.

    Raises:
        UsageError: fewer brokers than copies.
        UnavailableError: no broker answers.
    """
    kafka = settings.kafka
    if not kafka.bootstrap_servers:
        return [f"The embedded log {settings.log_path} makes its topics by itself."]
    admin, _ = connect(kafka, KafkaAdminClient)
    try:
        return _created(admin, _wanted(settings), partitions, replication)
    except InvalidReplicationFactorError as error:
        raise UsageError(f"Kafka has fewer brokers than {replication} copies need.") from error
    except KafkaError as error:
        raise unreachable(kafka) from error
    finally:
        admin.close()


def missing_topics(settings: Settings) -> Sequence[str]:
    """The topics that `create_topics` would make.

    Raises:
        UnavailableError: no broker answers.
    """
    if not settings.kafka.bootstrap_servers:
        return []
    admin, _ = connect(settings.kafka, KafkaAdminClient)
    try:
        found = set(admin.list_topics())
    except KafkaError as error:
        raise unreachable(settings.kafka) from error
    finally:
        admin.close()
    return [topic for topic in _wanted(settings) if topic not in found]


def _wanted(settings: Settings) -> Sequence[str]:
    return all_topics(stream=settings.results.stream)


def _created(admin: Any, topics: Sequence[str], partitions: int, replication: int) -> list[str]:
    made = [topic for topic in topics if _create(admin, topic, partitions, replication)]
    admin.wait_for_topics(list(topics))
    found = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
    said = []
    for topic in topics:
        if topic in made:
            said.append(f"{topic}: created, partitions: {partitions}.")
        elif found[topic] < partitions:
            admin.create_partitions({topic: partitions})
            said.append(f"{topic}: exists, partitions: {found[topic]}, now {partitions}.")
        else:
            said.append(f"{topic}: exists, partitions: {found[topic]}.")
    return said


def _create(admin: Any, topic: str, partitions: int, replication: int) -> bool:
    """Whether the topic had to be made; the controller knows, metadata may be late."""
    wanted = {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": CONFIGS,
    }
    try:
        admin.create_topics({topic: wanted})
    except TopicAlreadyExistsError:
        return False
    return True
