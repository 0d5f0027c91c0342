"""Entering the shipped starter versions into the registry, at the first start.

A starter answers by default only where nothing is routed yet, so that starting again never takes
back what an operator has changed. Only where an earlier release's version of the same starter is
routed, whose files went with that release, its successor takes the route: else nothing would answer
after an upgrade. It never goes back, as two releases may share a registry for a while.

One that is registered already is left as it is: its path may be that of another machine, and this
one finds its own files by their digest (`find`). Where several starters could answer a task in a
language, `DEFAULTS` says which does; the others answer jobs that name them.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from itertools import product
from pathlib import Path

from models import artifact
from schemas.errors import ArtifactError, SettingsError
from schemas.model_version import Language
from schemas.task import Task
from workers.ports import ModelVersion, Registry

_log = logging.getLogger(__name__)

DEFAULTS: Mapping[tuple[Task, Language], str] = {
    (Task.CLASSIFICATION, "en"): "intent-en",
    (Task.TAGGING, "zh"): "ner-zh",
    (Task.TAGGING, "en"): "ner-en",
}
"""The starter that answers by default, for each pair that several starters could answer."""


def directories() -> list[Path]:
    """The shipped version directories, by name."""
    shipped = Path(str(files("models"))) / "starter"
    return sorted(path.parent for path in shipped.glob(f"*/{artifact.MANIFEST}"))


def find(digest: str) -> Path | None:
    """The shipped directory of this version; None where it is no starter, or not this release's."""
    for path in directories():
        with suppress(ArtifactError):
            if artifact.digest(artifact.read_manifest(path)) == digest:
                return path
    return None


def chosen(wanted: str) -> list[Path]:
    """The shipped directories that `models.starters` names: `all`, `none` or `NAME,NAME`.

    Raises:
        SettingsError: no starter has such a name.
    """
    shipped = {path.name: path for path in directories()}
    if wanted in ("all", "none"):
        return list(shipped.values()) if wanted == "all" else []
    names = [name.strip() for name in wanted.split(",")]
    if unknown := sorted(set(names) - shipped.keys()):
        raise SettingsError(
            f"`models.starters` names `{unknown[0][:60]}`, which is not shipped. "
            f"Choose among {', '.join(shipped)}, or write `all` or `none`."
        )
    return [shipped[name] for name in names]


def enroll(registry: Registry, wanted: str = "all") -> list[ModelVersion]:
    """Register the wanted starters and route what has no route; safe to repeat.

    Args:
        registry: where they are entered.
        wanted: see `chosen`.

    Raises:
        ArtifactError: a shipped file is damaged: install again.
        SettingsError: no starter has such a name.
    """
    known = {version.digest: version for version in registry.versions()}
    return [_enroll(registry, known, path) for path in chosen(wanted)]


def _enroll(registry: Registry, known: Mapping[str, ModelVersion], path: Path) -> ModelVersion:
    manifest = artifact.verify(path)
    digest = artifact.digest(manifest)
    version = known.get(digest) or registry.register(manifest, digest, path)
    routes = registry.routes()
    for pair in product(version.tasks, version.languages):
        routed = routes.get(pair)
        free = routed is None and DEFAULTS.get(pair, manifest.name) == manifest.name
        if free or (routed is not None and _succeeds(version, routed)):
            registry.route(*pair, version)
    return version


def _succeeds(version: ModelVersion, routed: ModelVersion) -> bool:
    """Whether `routed` is an earlier one of this starter, and its files are not here any more."""
    if routed.name != version.name or routed.version >= version.version:
        return False
    with suppress(ArtifactError):
        if artifact.digest(artifact.read_manifest(routed.path)) == routed.digest:
            return False
    old, new = routed.version, version.version
    _log.warning("%s@%d is not here any more; @%d answers from now on.", routed.name, old, new)
    return True
