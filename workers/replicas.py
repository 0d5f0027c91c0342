"""A worker's versions as they shall be: loaded beside the batches, reported, given up.

    keep    looks at routes and deployments, loads what is to be here, gives up what is not
    beat    says in SQL that the worker lives and what it has, also while a long load goes on

Both have a thread of their own. A load that fails is reported with its reason and does not touch
what serves. News of a change wakes the keeper; without any it looks every few seconds, so either
way alone suffices.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from schemas.errors import ArtifactError, UnavailableError
from workers.core.rollout import Load, Unload, next_actions, wanted_versions
from workers.desired import Here, Replica, ReplicaState, Rollouts, Snapshot
from workers.failure import kind
from workers.loaded_models import LoadedModels
from workers.ports import ModelVersion

_log = logging.getLogger(__name__)

POLL_S: Final = 2.0
"""How often routes and deployments are looked at without news."""
BEAT_S: Final = 2.0
DRAIN_S: Final = 10.0
"""A version that no route leads to is given up when no batch has asked for it for so long."""
_LEAVE_S: Final = 10.0
"""How long a load under way is waited for: TensorFlow does not like to be left in the middle."""

_LOOK_S: Final = 0.5
"""How often the keeper looks whether it should end."""

Wait = Callable[[float], bool]
"""Waits for news of a change for so many seconds at most; whether there were some."""


class Replicas:
    """What one worker has and should have."""

    def __init__(
        self,
        models: LoadedModels,
        rollouts: Rollouts,
        here: Here,
        wait: Wait | None = None,
        release: Callable[[], object] = gc.collect,
    ) -> None:
        """
        Args:
            models: where versions are loaded.
            rollouts: what shall be, and where it is told what is.
            here: the worker; its memory and heartbeat are filled in.
            wait: for news; None: there are none.
            release: called after versions were given up, so that their memory is free.
        """
        self._models = models
        self._rollouts = rollouts
        self._here = here
        self._wait = wait or self._sleep
        self._release = release
        self._said: dict[int, Replica] = {}
        self._led: set[int] = set()
        """Versions that a route led to, or should: they are given up when none does."""
        self._saying = threading.Lock()
        self._reachable = True
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=f"textmill-{name}", daemon=True)
            for name, run in (("keep", self._keep), ("beat", self._beat))
        ]

    def start(self) -> None:
        """Report what is loaded, and keep it as it should be from now on."""
        for version_id, reason in self._models.failures.items():
            self._note(version_id, "FAILED", reason)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Keep no more, and say that the worker leaves."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_LEAVE_S)
        self._trying(lambda: self._rollouts.leave(self._here.worker_id))

    def _keep(self) -> None:
        while not self._stopping.is_set():
            self._trying(self.look)
            until = time.monotonic() + POLL_S
            while not self._stopping.is_set() and time.monotonic() < until:
                if self._wait(_LOOK_S):
                    break

    def _beat(self) -> None:
        while not self._stopping.is_set():
            self._trying(self.say)
            self._stopping.wait(BEAT_S)

    def _sleep(self, seconds: float) -> bool:
        self._stopping.wait(seconds)
        return False

    def _trying(self, duty: Callable[[], object]) -> None:
        """The edge of the threads: what is loaded serves on, whatever happens here."""
        try:
            duty()
        except UnavailableError as error:
            if self._reachable:
                _log.warning("%s Changes of routes are not seen now.", error)
            self._reachable = False
        except Exception as error:  # the next turn may go better
            _log.error("Versions are not kept up: %s.", kind(error))
        else:
            self._reachable = True

    def look(self) -> None:
        """Load what is to be loaded, give up what is to be given up."""
        snapshot = self._rollouts.snapshot()
        self._led |= wanted_versions(snapshot)
        gone = False
        for action in next_actions(snapshot):
            if isinstance(action, Load) and self._is_mine(action) and not self._stopping.is_set():
                self._load(action, snapshot)
            elif isinstance(action, Unload) and self._is_mine(action):
                gone |= self._unload(action)
        if gone:
            self._release()
            self.say()

    def say(self) -> None:
        """Tell SQL that the worker lives, and what it has."""
        with self._saying:  # an older picture must not be written after a newer one
            sizes, served = self._models.sizes, self._models.builds
            ready = {
                version_id: Replica(
                    worker_id=self._here.worker_id,
                    version_id=version_id,
                    state="READY",
                    memory_bytes=size,
                    build=served.get(version_id),
                )
                for version_id, size in sizes.items()
            }
            here = msgspec.structs.replace(self._here, memory_bytes=sum(sizes.values()))
            self._rollouts.beat(here, list((self._said | ready).values()))

    def _is_mine(self, action: Load | Unload) -> bool:
        return action.worker_id == self._here.worker_id

    def _load(self, action: Load, snapshot: Snapshot) -> None:
        version = action.version
        self._note(version.version_id, "LOADING", "")
        try:
            self.say()
            if action.beside:
                self._models.load_beside(version, wanted_versions(snapshot))
            else:
                self._models.get(version.version_id, version.digest)
        except ArtifactError as error:
            _log.error("Cannot load %s@%d: %s", version.name, version.version, error)
            self._note(version.version_id, "FAILED", str(error))
        except UnavailableError:  # not the version's fault: the next look tries again
            self._said.pop(version.version_id, None)
            raise
        except Exception as error:
            self._note(version.version_id, "FAILED", kind(error))
            raise
        else:
            self._loaded(version)
        finally:
            self.say()

    def _loaded(self, version: ModelVersion) -> None:
        _log.info("%s@%d is loaded and warm.", version.name, version.version)
        self._said.pop(version.version_id, None)

    def _unload(self, action: Unload) -> bool:
        """Give up a version that was here for a route, once its batches are done."""
        if action.version_id not in self._led:
            return False  # a job asked for it by name: it leaves when others need the room
        if not self._models.unload(action.version_id, DRAIN_S):
            return False
        self._led.discard(action.version_id)
        _log.info("Version %d is given up: no route leads to it any more.", action.version_id)
        return True

    def _note(self, version_id: int, state: ReplicaState, reason: str) -> None:
        self._said[version_id] = Replica(
            worker_id=self._here.worker_id, version_id=version_id, state=state, reason=reason
        )
