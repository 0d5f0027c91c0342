"""Redis from the distribution's package: `redis-server`.

Every write reaches the append-only file before it is acknowledged, so a killed server comes back
with its data; `durable` also waits for the disk once a second.
"""

from deploy.services import programs
from deploy.services.ports import LOOPBACK
from deploy.services.service import Service

DATABASES = 64
"""How many logical databases it has: /0 to /63."""


class RedisService(Service):
    """One Redis server; `url` is that of its logical database 0."""

    name = "redis"
    default_port = 6379

    @property
    def url(self) -> str:
        return self.database_url(0)

    def database_url(self, number: int) -> str:
        return f"redis://{LOOPBACK}:{self.port}/{number}"

    def prepare(self) -> None:
        """Redis makes its files itself."""

    def command(self) -> list[str]:
        options = {
            "bind": LOOPBACK,
            "port": self.port,
            "dir": ".",
            "databases": DATABASES,
            "save": "",  # no snapshots: the append-only file is the data
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
            "daemonize": "no",
            "loglevel": "warning",
        }
        command = [programs.redis_server()]
        for option, value in options.items():
            command += [f"--{option}", str(value)]
        return command

    def answers(self) -> bool:
        import redis

        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):  # not yet, or still loading
                return False
