"""The examination of a directory, check by check; the first that fails is the last."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from models import artifact
from schemas.errors import ArtifactError
from schemas.model_version import Manifest
from workers.core.cost import array, fit
from workers.core.costs import kind_of
from workers.device import Device
from workers.gate.interface import differences
from workers.gate.report import Check, Report, Trial
from workers.ports import ModelVersion, Profile, Profiles, Registry

Try = Callable[[Path], Trial]
"""Tries a version in a process of its own; ArtifactError where that gives no report."""


class Gate:
    """Lets versions into the registry, or says why not."""

    def __init__(self, registry: Registry, device: Device, trial: Try) -> None:
        """
        Args:
            registry: where the version is that answers now.
            device: what the trial runs on.
            trial: runs it.
        """
        self._registry = registry
        self._kind = kind_of(device.name)
        self._trial = trial

    def examine(self, directory: Path, *, force: bool = False) -> tuple[Manifest | None, Report]:
        """Examine a directory; the manifest is None where it cannot be read.

        Args:
            directory: of the version.
            force: let pass a version that cannot stand in for the one that answers now.
        """
        manifest, files = _files(directory)
        if manifest is None or not files.ok:
            return None, self._report(manifest, [files])
        interface, forced = self._interface(manifest, force)
        if not interface.ok:
            return None, self._report(manifest, [files, interface])
        tried = self._tried(directory, artifact.digest(manifest))
        checks = [files, interface, *tried.checks]
        report = self._report(manifest, checks, tried, forced)
        return (None if report.reason else manifest), report

    def _report(
        self,
        manifest: Manifest | None,
        checks: list[Check],
        tried: Trial | None = None,
        forced: tuple[str, ...] = (),
    ) -> Report:
        return Report(
            model=manifest.name if manifest else "",
            digest=artifact.digest(manifest) if manifest else "",
            device=self._kind,
            checks=tuple(checks),
            measured=tried.measured if tried else None,
            forced=forced,
        )

    def _interface(self, manifest: Manifest, force: bool) -> tuple[Check, tuple[str, ...]]:
        live = [
            one
            for one in self._registry.versions()
            if one.name == manifest.name and one.state == "live"
        ]
        if not live:
            return Check(name="interface", ok=True, reason="no version of it is live"), ()
        said = differences(manifest, self._registry.manifest(live[-1]))
        if said and not force:
            return Check(name="interface", ok=False, reason=_refused(said, live[-1])), ()
        return Check(name="interface", ok=True, reason=f"compared with {live[-1]}"), said

    def _tried(self, directory: Path, digest: str) -> Trial:
        began = perf_counter()
        try:
            tried = self._trial(directory)
            if tried.digest not in ("", digest):
                raise ArtifactError("its files changed while they were examined")
        except ArtifactError as error:
            seconds = round(perf_counter() - began, 3)
            failed = Check(name="load", ok=False, reason=str(error), seconds=seconds)
            return Trial(checks=(failed,))
        return tried


def _files(directory: Path) -> tuple[Manifest | None, Check]:
    began = perf_counter()
    try:
        manifest = artifact.verify(directory)
    except ArtifactError as error:
        return None, Check(name="files", ok=False, reason=str(error))
    seconds = round(perf_counter() - began, 3)
    seen = f"{len(manifest.files)} files as the manifest says"
    return manifest, Check(name="files", ok=True, reason=seen, seconds=seconds)


def _refused(said: tuple[str, ...], live: ModelVersion) -> str:
    return f"it cannot stand in for {live}: {'; '.join(said)}. With --force it is let in."


def keep_costs(profiles: Profiles, version: ModelVersion, report: Report) -> None:
    """Write what the trial measured, where nobody has learnt better from batches yet."""
    known = {(one.version_id, one.kind) for one in profiles.profiles() if one.batches}
    if report.measured is None or (version.version_id, report.device) in known:
        return
    cost = fit(array(*timing) for timing in report.measured.timings)
    memory = report.measured.memory_bytes
    profiles.keep([Profile(version.version_id, report.device, (*cost,), 0, memory)])
