"""A worker's versions as they shall be: loaded beside the batches, reported, given up.

    keep    looks at routes and deployments, loads what is to be here, gives up what is not
    beat    says in SQL that the worker lives and what it has, also while a long load goes on

Both have a thread of their own. A load that fails is reported with its reason and does not touch
what serves. News of a change wakes the keeper; without any it looks every few seconds, so either
way alone suffices.

A start is the same: everything is to be loaded, one version after the other, the most urgent first
(`workers.urgency`). Dispatchers are told for which models it may not be sent work yet
(`workers.lack`), and a worker that can load none of the routed versions is given up.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from schemas.errors import ArtifactError, UnavailableError
from workers.core.rollout import Action, Load, Unload, next_actions, wanted_versions
from workers.desired import Here, Replica, ReplicaState, Rollouts, Snapshot
from workers.failure import kind
from workers.lack import lack
from workers.loaded_models import LoadedModels
from workers.ports import ModelVersion
from workers.urgency import Urgency

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


class NothingLoadedError(ArtifactError):
    """None of the routed versions can be loaded here; a new process may."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of what becomes of the versions, in the keeper's thread."""

    changed: Callable[[], object] = lambda: None
    """Other versions are here, or other ones are still to be loaded."""
    released: Callable[[], object] = gc.collect
    """Versions were given up, so that their memory is free."""
    useless: Callable[[NothingLoadedError], object] = lambda error: None
    """There are routed versions, and none can be loaded."""


class Replicas:
    """What one worker has and should have."""

    def __init__(
        self,
        models: LoadedModels,
        rollouts: Rollouts,
        here: Here,
        urgency: Urgency,
        told: Told,
        wait: Wait | None = None,
    ) -> None:
        """
        Args:
            models: where versions are loaded.
            rollouts: what shall be, and where it is told what is.
            here: the worker; its memory and heartbeat are filled in.
            urgency: which version is loaded first.
            told: who is told what happens.
            wait: for news; None: there are none.
        """
        self._models = models
        self._rollouts = rollouts
        self._here = here
        self._urgency = urgency
        self._told = told
        self._wait = wait or self._sleep
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
        """Report the worker, see what is to be loaded, and keep it so from now on."""
        self._trying(self.say)
        self._trying(self._see)
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
            if self._trying(self.look):
                continue  # there is more to load
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

    def _trying(self, duty: Callable[[], object]) -> object:
        """The edge of the threads: what is loaded serves on, whatever happens here."""
        try:
            done = duty()
        except UnavailableError as error:
            if self._reachable:
                _log.warning("%s Changes of routes are not seen now.", error)
            self._reachable = False
        except Exception as error:  # the next turn may go better
            _log.error("Versions are not kept up: %s.", kind(error))
        else:
            self._reachable = True
            return done
        return None

    def look(self) -> bool:
        """Give up what is to be given up, load one version of what is to be loaded; whether there
        was one."""
        snapshot, due, gone = self._see()
        if any([self._unload(action) for action in gone]):
            self._told.released()
            self.say()
        if due:
            self._load(self._urgency.first(due), snapshot, len(due) - 1)
        return bool(due)

    def _see(self) -> tuple[Snapshot, list[Load], list[Unload]]:
        """What should be, and what is to be loaded and given up for it; tells who must know."""
        snapshot = self._rollouts.snapshot()
        self._led |= wanted_versions(snapshot)
        mine = [one for one in next_actions(snapshot) if self._is_mine(one)]
        due = [one for one in mine if isinstance(one, Load)]
        self._note_lack(snapshot, {one.version.version_id for one in due})
        return snapshot, due, [one for one in mine if isinstance(one, Unload)]

    def _note_lack(self, snapshot: Snapshot, due: Collection[int]) -> None:
        """Note what is not here; dispatchers are told for which models they have to wait."""
        routed = {one.live.version_id: one.live for one in snapshot.routes}
        mine = {key: one for key, one in routed.items() if one.name in self._here.serves}
        before = self._models.lack
        self._models.lack = lack(mine, self._models.versions, due, self._said)
        if self._models.lack.loading != before.loading:
            self._told.changed()
        if self._models.lack.useless and not self._stopping.is_set():
            self._told.useless(
                NothingLoadedError(
                    f"None of the {len(mine)} routed model versions can be loaded here; see above."
                )
            )

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

    def _is_mine(self, action: Action) -> bool:
        return isinstance(action, Load | Unload) and action.worker_id == self._here.worker_id

    def _load(self, action: Load, snapshot: Snapshot, further: int) -> None:
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
            self._loaded(version, further)
        finally:
            self.say()

    def _loaded(self, version: ModelVersion, further: int) -> None:
        rest = f"{further} more to load" if further else "all are loaded"
        _log.info("%s@%d is loaded and warm: ready; %s.", version.name, version.version, rest)
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
