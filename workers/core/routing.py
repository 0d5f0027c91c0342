"""Which model version answers a job, and as which arm: the one it names, or the one its route says.

A route may have a canary, which answers a share of its jobs. Which ones is decided by a hash of the
job's key and of the canary: a job sent twice goes the same way, and so does a job of the canary
when its share grows. Routes of a tenant go before those of everybody.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from schemas.batch import Arm, BatchItem
from schemas.errors import InvalidJobError
from schemas.job import Job
from schemas.model_version import Language
from schemas.task import Task
from workers.desired import Route, RouteKey
from workers.ports import ModelVersion

DERIVED: Final = ("live", "canary", "shadow")
"""Aliases that routes set; nobody else may."""


class Choice(NamedTuple):
    """Who answers, and why."""

    version: ModelVersion
    arm: Arm


class Routing:
    """An immutable picture of the registry, replaced as a whole when the registry changes."""

    def __init__(
        self,
        versions: Sequence[ModelVersion],
        routes: Iterable[Route],
        aliases: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self._routes = {route.key: route for route in routes}
        self._by_reference = {str(v): v for v in versions}
        states = ("retired", "registered", "live")
        for version in sorted(versions, key=lambda v: (states.index(v.state), v.version)):
            self._by_reference[version.name] = version
        by_id = {version.version_id: version for version in versions}
        for (model, name), version_id in (aliases or {}).items():
            if version_id in by_id:  # else it was registered since the versions were read
                self._by_reference[f"{model}@{name}"] = by_id[version_id]
        self._tenants = {key.tenant for key in self._routes}

    def __eq__(self, other: object) -> bool:
        """Whether both send every job the same way."""
        return isinstance(other, Routing) and (self._routes, self._by_reference) == (
            other._routes,
            other._by_reference,
        )

    __hash__ = None  # type: ignore[assignment]

    def resolve(self, task: Task, language: Language, job: Job) -> Choice:
        """The version for a job; a bare model name means its live, else its newest version.

        Raises:
            InvalidJobError: `unknown_model`, `wrong_model` or `no_model`.
        """
        if job.model is not None:
            return Choice(self._named(task, language, job.model, job.tenant), "named")
        route = self._route(task, language, job.tenant)
        if route is None:
            raise InvalidJobError("no_model", f"no model is routed for {task} in {language}")
        if route.canary is not None and _falls(job, route.canary, route.canary_weight):
            return Choice(route.canary, "canary")
        return Choice(route.live, "live")

    def shadow(self, task: Task, language: Language, job: Job) -> ModelVersion | None:
        """The version that computes a routed job too, unheard; None: none does."""
        route = None if job.model is not None else self._route(task, language, job.tenant)
        if route is None or route.shadow is None:
            return None
        return route.shadow if _falls(job, route.shadow, route.shadow_sample) else None

    @property
    def compares(self) -> bool:
        """Whether any route has a version that answers beside the live one."""
        return any(route.canary or route.shadow for route in self._routes.values())

    def second(self, item: BatchItem) -> ModelVersion | None:
        """The version that answers a job too, for comparison: the shadow, or the live version where
        the canary answered; None: none does."""
        if item.arm == "canary":
            route = self._route(item.task, item.lang, item.job.tenant)
            return None if route is None else route.live
        return self.shadow(item.task, item.lang, item.job) if item.arm == "live" else None

    def _route(self, task: Task, language: Language, tenant: str) -> Route | None:
        if tenant in self._tenants:
            own = self._routes.get(RouteKey(task, language, tenant))
            if own is not None:
                return own
        return self._routes.get(RouteKey(task, language))

    def _named(self, task: Task, language: Language, reference: str, tenant: str) -> ModelVersion:
        model, _, name = reference.partition("@")
        if name in DERIVED:
            version = self._derived(task, language, tenant, model, name)
        else:
            version = self._by_reference.get(reference)
        if version is None:
            raise InvalidJobError("unknown_model", f"no model {reference} is registered")
        if task not in version.tasks:
            answered = ", ".join(version.tasks)
            raise InvalidJobError("wrong_model", f"{reference} answers {answered}, not {task}")
        return version

    def _derived(
        self, task: Task, language: Language, tenant: str, model: str, name: str
    ) -> ModelVersion | None:
        """What the job's own route says, else any other that has this model in that part."""
        own = self._route(task, language, tenant)
        for route in (*([own] if own else ()), *self._routes.values()):
            version: ModelVersion | None = getattr(route, name)
            if version is not None and version.name == model:
                return version
        return None


def _falls(job: Job, version: ModelVersion, share: float) -> bool:
    """Whether the job is among the `share` that this version gets."""
    return share > 0 and place(job.tenant, job.job_id, version.digest) < share


def place(tenant: str, job_id: str, salt: str) -> float:
    """A job's place in [0, 1), always the same for the same `salt`, spread evenly over jobs."""
    key = "\0".join((salt, tenant, job_id)).encode()
    return int.from_bytes(blake2b(key, digest_size=7).digest()) / 2**56
