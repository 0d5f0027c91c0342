"""Which version and which routes an operator means."""

from collections.abc import Sequence
from itertools import product

import msgspec

from schemas.errors import UsageError
from schemas.model_version import Language
from schemas.task import Task
from workers.core.lookup import parse_model
from workers.desired import Route, RouteKey
from workers.ports import ModelVersion


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What narrows a command; None: all."""

    task: Task | None = None
    lang: Language | None = None
    tenant: str = ""
    """Whose routes; empty: those of everybody."""

    def keys(self, version: ModelVersion) -> list[RouteKey]:
        """The routes that this version can answer.

        Raises:
            UsageError: there is none.
        """
        pairs = product(version.tasks, version.languages)
        keys = [RouteKey(task, lang, self.tenant) for task, lang in pairs]
        found = [key for key in keys if self.covers(key)]
        if not found:
            tasks, languages = (", ".join(some) for some in (version.tasks, version.languages))
            raise UsageError(f"{version} answers {tasks} in {languages} alone")
        return found

    def covers(self, key: RouteKey) -> bool:
        """Whether a route is meant."""
        fits = self.task in (None, key.task) and self.lang in (None, key.lang)
        return fits and self.tenant == key.tenant


def version_of(versions: Sequence[ModelVersion], reference: str) -> ModelVersion:
    """The version that `name@3` means, or the only one that `name` can mean.

    Raises:
        UsageError: there is none, or there are several.
    """
    name, number = parse_model(reference)
    found = [one for one in versions if one.name == name and number in (None, one.version)]
    if not found:
        raise UsageError(f"no model {reference} is registered: `textmill models list` shows all")
    if len(found) > 1:
        shown = ", ".join(str(one) for one in found[-5:])
        raise UsageError(f"{name} has several versions: say which, {shown}")
    return found[0]


def is_meant(version: ModelVersion | None, reference: str) -> bool:
    """Whether `name` or `name@3` means this version."""
    if version is None:
        return False
    name, number = parse_model(reference)
    return version.name == name and number in (None, version.version)


def those(routes: Sequence[Route], scope: Scope) -> list[Route]:
    """The routes that are meant."""
    return [route for route in routes if scope.covers(route.key)]
