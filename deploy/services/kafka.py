"""One Apache Kafka broker, its own KRaft controller, run straight from its jars.

Topics are never made by merely naming them, as in production. One copy of everything, few internal
partitions, no wait for other members when a consumer group forms: a single node on one machine.
The broker's session is short, so that one killed and started again is not refused as a double of
itself.
"""

import contextlib
import socket
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from deploy.services import process, programs
from deploy.services.ports import LOOPBACK, free_port
from deploy.services.service import Service, ServiceError

_HERE = Path(__file__).parent / "broker"
_HEAP_MB = 384
_ANSWER_MS = 2_000
_FORMAT = "kafka.tools.StorageTool"
_SERVE = "kafka.Kafka"

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENTS",
    "log.dirs": "data",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "controlled.shutdown.enable": "false",
}


class KafkaService(Service):
    """One broker; `url` is what `bootstrap_servers` wants."""

    name = "kafka"
    default_port = 9092

    @property
    def url(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        self._write_settings()
        if (self.directory / "data" / "meta.properties").exists():
            return
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        arguments = ["format", f"--cluster-id={cluster}", "--config=server.properties"]
        command = [*self._java(), _FORMAT, *arguments]
        if process.run(command, directory=self.directory, log=self.log) != 0:
            raise ServiceError(f"formatting Kafka's storage failed:\n{self.log_tail()}")

    def command(self) -> list[str]:
        return [*self._java(), _SERVE, "server.properties"]

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
            return self._has_broker()
        return False

    def _has_broker(self) -> bool:
        """The port is open before the controller has let the broker in."""
        from kafka import KafkaAdminClient
        from kafka.errors import KafkaError

        try:
            client = KafkaAdminClient(
                bootstrap_servers=self.url,
                bootstrap_timeout_ms=_ANSWER_MS,
                request_timeout_ms=_ANSWER_MS,
            )
        except KafkaError:
            return False
        try:
            brokers = client.describe_cluster()["brokers"]
            return any(not broker["is_fenced"] for broker in brokers)
        except KafkaError:
            return False
        finally:
            client.close()

    def _java(self) -> list[str]:
        options = [f"-Xms{_HEAP_MB // 4}m", f"-Xmx{_HEAP_MB}m", "-XX:+UseSerialGC"]
        if not self.durable:
            options.append("-XX:TieredStopAtLevel=1")  # a short life: never mind the peak speed
        if programs.kafka_class_archive().exists():
            options.append(f"-XX:SharedArchiveFile={programs.kafka_class_archive()}")
        options.append(f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}")
        return [programs.java(), *options, "-cp", programs.kafka_class_path()]

    def _write_settings(self) -> None:
        controller = f"{LOOPBACK}:{free_port()}"
        settings = _SETTINGS | {
            "listeners": f"CLIENTS://{self.url},CONTROLLER://{controller}",
            "advertised.listeners": f"CLIENTS://{self.url}",
            "controller.quorum.voters": f"1@{controller}",
        }
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (self.directory / "server.properties").write_text("".join(lines))
