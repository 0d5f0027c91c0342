"""Records of one key lie in one partition, and those of many keys in all."""

from collections import defaultdict

from kafka import KafkaConsumer, TopicPartition

from producers.kafka import KafkaWriter
from schemas.settings import KafkaSettings, Settings
from workers.log.topics import create_topics

TOPIC = "textmill.bulk.sentiment"


def test_a_key_has_one_partition(kafka_bootstrap: str) -> None:
    kafka = KafkaSettings(bootstrap_servers=kafka_bootstrap)
    create_topics(Settings(kafka=kafka), partitions=4, replication=1)
    keys = [f"partitions-{n}" for n in range(200)]
    for _ in range(2):  # by two producers
        writer = KafkaWriter(kafka)
        writer.append(TOPIC, [(key, b"{}") for key in keys])
        writer.close()

    found: dict[bytes, list[int]] = defaultdict(list)
    consumer = KafkaConsumer(bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")
    places = [TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC)]
    consumer.assign(places)
    consumer.seek_to_beginning()
    while sum(map(len, found.values())) < 2 * len(keys):
        polled = consumer.poll(timeout_ms=5000)
        assert polled, "records are lacking"
        for place, records in polled.items():
            for record in records:
                if record.key.startswith(b"partitions-"):
                    found[record.key].append(place.partition)
    consumer.close()

    assert all(first == second for first, second in found.values())
    used = {first for first, _ in found.values()}
    assert used == {place.partition for place in places}
