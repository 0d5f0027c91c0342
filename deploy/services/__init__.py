"""Kafka, Redis and PostgreSQL on a bare Linux machine, without Docker.

Tests and developers need the real servers. Each one here is a `Service`: its own data directory,
its own port on 127.0.0.1, one process that is only ever ended by its pid. In a test the servers
live exactly as long as the process that started them; for a developer
`python -m deploy.services start` leaves them running and prints the settings that lead to them.

    with KafkaService() as kafka:
        kafka.url          # 127.0.0.1:24817
        kafka.kill()       # SIGKILL, as a power cut would
        kafka.start()      # the same port, the same data

These servers trust everyone who can reach the loopback interface: they hold test data, on a
machine of one's own. They are not how Textmill is run in production, and nothing of Textmill's
own code imports this package. The servers' clients are imported where they are used, so that a
test session that needs no server pays nothing for the fixtures.
"""

from deploy.services.kafka import KafkaService
from deploy.services.postgres import PostgresService
from deploy.services.redis import RedisService
from deploy.services.service import Service, ServiceError, ServiceMissingError, start_all

__all__ = [
    "KafkaService",
    "PostgresService",
    "RedisService",
    "Service",
    "ServiceError",
    "ServiceMissingError",
    "start_all",
]
