"""What shall answer what, and who has it in memory: the port of dynamic model management.

A *route* leads the jobs of a task, language and tenant to its live version; beside it a canary may
answer a share of them, and a shadow compute a share without being heard. A *deployment* is what an
operator wants of a route and is not there yet. Workers say which versions they hold (*replicas*);
`workers.core.rollout` says from a *snapshot* of all this what happens next.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from schemas.groups import Share
from schemas.model_version import Language
from schemas.task import Task
from workers.ports import ModelVersion

Kind = Literal["live", "canary", "shadow"]
Mode = Literal["availability", "resource"]
"""Load beside the old version, or in its place where memory does not hold both."""
ReplicaState = Literal["LOADING", "READY", "FAILED"]
NO_ROOM = "no room beside the others"
"""How the reason of a replica begins that fitted only in the place of others."""


class RouteKey(NamedTuple):
    """Which jobs."""

    task: Task
    lang: Language
    tenant: str = ""
    """Empty: everybody who has no route of their own."""

    def __str__(self) -> str:
        of = f" of {self.tenant}" if self.tenant else ""
        return f"{self.task}/{self.lang}{of}"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers them."""

    key: RouteKey
    live: ModelVersion
    previous: ModelVersion | None = None
    """Who was live before; None: nobody, or it is removed."""
    canary: ModelVersion | None = None
    canary_weight: float = 0.0
    """Share of the jobs that the canary answers, 0 to 1."""
    shadow: ModelVersion | None = None
    shadow_sample: float = 0.0
    """Share of the jobs that the shadow computes too, 0 to 1."""
    pinned: bool = False
    """A person decided; nothing is promoted or taken back by itself."""

    @property
    def versions(self) -> tuple[ModelVersion, ...]:
        """All that must be in memory for it."""
        return tuple(one for one in (self.live, self.canary, self.shadow) if one is not None)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks of one route."""

    key: RouteKey
    target: ModelVersion
    kind: Kind = "live"
    weight: float = 0.0
    """Of a canary or a shadow, 0 to 1."""
    action: str = "activate"
    """The command, for the history."""
    mode: Mode = "availability"
    actor: str = ""
    patience_s: float = 300.0
    """How long it may take until every worker has the version."""
    evidence: dict[str, Any] = {}
    seen: Route | None = None
    """The route that a program decided by: where it is another by now, or a deployment is on its
    way to it, nothing is entered. None: a person wishes it, whatever is."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A wish on its way."""

    number: int
    key: RouteKey
    target: ModelVersion
    kind: Kind
    weight: float
    action: str
    state: Literal["PENDING", "DONE", "FAILED", "CANCELLED"]
    mode: Mode
    actor: str
    reason: str
    """What it waits for, or why it ended so."""
    requested_at: float
    """Seconds since 1970, by the database's clock, as all moments here."""
    deadline: float


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """A worker, as SQL knows it."""

    worker_id: str
    device: str
    serves: Share
    memory_limit: int
    """Bytes that its models may take; 0: no limit."""
    memory_bytes: int
    """Bytes that they take."""
    heartbeat_at: float


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """A version at a worker."""

    worker_id: str
    version_id: int
    state: ReplicaState
    reason: str = ""
    memory_bytes: int = 0
    build: str | None = None
    """Which form of its network the worker serves; None: it is not READY."""
    at: float = 0.0
    """When the worker last said so."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment."""

    now: float
    routes: Sequence[Route] = ()
    pending: Sequence[Deployment] = ()
    workers: Sequence[Here] = ()
    replicas: Sequence[Replica] = ()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history."""

    at: float
    actor: str
    action: str
    key: RouteKey | None
    """None: of no route."""
    from_version: str | None
    """`NAME@N`."""
    to_version: str | None
    reason: str = ""
    evidence: dict[str, Any] = {}


class Routes(Protocol):
    """How jobs find their versions; the dispatchers read it again and again."""

    def table(self) -> Sequence[Route]:
        """All routes, by key."""

    def aliases(self) -> Mapping[tuple[str, str], int]:
        """Version by (model, own name)."""


class Rollouts(Routes, Protocol):
    """The desired state, changed by operators and carried out by dispatchers and workers.

    Every change is one transaction that holds only if what it is based on still does; so several
    may try the same, and one does it.
    """

    def snapshot(self) -> Snapshot:
        """Routes, pending deployments, workers and replicas at one moment."""

    def request(self, wish: Wish) -> Deployment:
        """Enter a wish; one for the same route and kind that is on its way is cancelled, unless it
        is the same, which is returned then.

        Raises:
            UsageError: the route is not as the wish has `seen` it.
        """

    def deployment(self, number: int) -> Deployment:
        """A deployment as it is now; UsageError where there is none."""

    def flip(self, deployment: Deployment, reason: str) -> bool:
        """Let the route lead where a pending deployment wants; False: it is pending no more."""

    def end(self, deployment: Deployment, state: Literal["FAILED", "CANCELLED"], why: str) -> bool:
        """End a pending deployment without its wish; False: it is pending no more. A route that
        leads there already goes back to its version before."""

    def settle(self, deployment: Deployment) -> bool:
        """End a pending deployment whose wish came true; False: it is pending no more."""

    def note(self, deployment: Deployment, reason: str, mode: Mode) -> None:
        """Write down what a pending deployment waits for, and how it goes on."""

    def withdraw(
        self,
        key: RouteKey,
        kind: Literal["canary", "shadow"],
        event: Event,
        seen: Route | None = None,
    ) -> bool:
        """Take a canary or a shadow from a route; False: there is none, or the route is not as
        `seen`, where that is given."""

    def pin(self, key: RouteKey, pinned: bool, actor: str) -> bool:
        """Set or lift a pin; False: it is so already."""

    def retire(self, version: ModelVersion, actor: str) -> bool:
        """Let a version be chosen no more but by its number; False: it is so already.

        Raises:
            UsageError: a route, an alias or a deployment leads to it.
        """

    def remove(self, version: ModelVersion, actor: str) -> None:
        """Forget a version that never answered.

        Raises:
            UsageError: something still refers to it.
        """

    def name(self, model: str, alias: str, version: ModelVersion | None, actor: str) -> bool:
        """Set an alias of a model, or drop it (None); False: it is so already."""

    def history(self, model: str | None, limit: int) -> Sequence[Event]:
        """The newest events, of one model or of all, newest first."""

    def record(self, event: Event) -> None:
        """Add a line to the history; its `at` is set by the database."""

    def beat(self, worker: Here, replicas: Sequence[Replica]) -> None:
        """A worker says that it lives and what it has; replicas that it does not name are gone."""

    def leave(self, worker_id: str) -> None:
        """A worker is gone; so are its replicas."""

    def forget_silent(self, before: float) -> None:
        """Forget workers whose last beat is older."""
