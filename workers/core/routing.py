"""Which model version answers a job: the one it names, or the one that is routed."""

from collections.abc import Mapping, Sequence

from schemas.errors import InvalidJobError
from schemas.model_version import Language
from schemas.task import Task
from workers.ports import ModelVersion


class Routing:
    """An immutable picture of the registry, replaced as a whole when the registry changes."""

    def __init__(
        self,
        versions: Sequence[ModelVersion],
        routes: Mapping[tuple[Task, Language], ModelVersion],
    ) -> None:
        self._routes = dict(routes)
        self._by_reference = {f"{v.name}@{v.version}": v for v in versions}
        for version in sorted(versions, key=lambda v: (v.state == "live", v.version)):
            self._by_reference[version.name] = version

    def resolve(self, task: Task, language: Language, reference: str | None) -> ModelVersion:
        """The version for a job; a bare model name means its live, else its newest version.

        Raises:
            InvalidJobError: `unknown_model`, `wrong_model` or `no_model`.
        """
        if reference is None:
            return self._routed(task, language)
        version = self._by_reference.get(reference)
        if version is None:
            raise InvalidJobError("unknown_model", f"no model {reference} is registered")
        if task not in version.tasks:
            answered = ", ".join(version.tasks)
            raise InvalidJobError("wrong_model", f"{reference} answers {answered}, not {task}")
        return version

    def _routed(self, task: Task, language: Language) -> ModelVersion:
        version = self._routes.get((task, language))
        if version is None:
            raise InvalidJobError("no_model", f"no model is routed for {task} in {language}")
        return version
