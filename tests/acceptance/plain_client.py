"""A Kafka client that knows nothing of Textmill but its contract: topics and JSON.

    python plain_client.py BROKER FILE

Each line of FILE is `{"topic": ..., "job": {...}}`. It imports kafka-python and the standard
library, as any program of somebody else's would, and ends when the broker has every record.
"""

import json
import sys

from kafka import KafkaProducer


def main(broker: str, path: str) -> None:
    producer = KafkaProducer(bootstrap_servers=broker, acks="all", linger_ms=20)
    sent = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            value = json.dumps(record["job"], ensure_ascii=False).encode()
            key = record["job"]["job_id"].encode()
            sent.append(producer.send(record["topic"], key=key, value=value))
    producer.flush(timeout=60)
    for confirmation in sent:
        confirmation.get(timeout=10)
    producer.close()
    print(f"sent {len(sent)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
