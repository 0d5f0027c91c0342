"""What batches cost, by model version and worker: learnt, predicted, bounded.

    warm-up       a worker announces with its heartbeat what the shapes of its warm-up took
    SQL           what was learnt before, by kind of device, so that a restart begins with it
    completions   what each batch really took refines it, for each worker on its own

For each worker, because of two devices of one kind one may be ten times slower than the other; a
worker that is new begins with what is known of its kind. From the cost follows how many tokens a
batch may have: as many as take `max_batch_s`, and never more than the settings or the device's
memory allow. Memory that did not suffice halves that; after a while without another failure it
doubles again. Time is an argument, monotonic.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from schemas.batch import WorkerState
from workers.core.cost import Cost, Observation
from workers.core.experience import Experience
from workers.ports import Profile

FEWEST_TOKENS: Final = 64
"""The budget is not halved below this."""
RECOVERY_S: Final = 300.0
"""After so long without another failure a halved budget doubles."""


class Price(NamedTuple):
    """What batches of a version cost on the worker at hand."""

    cost: Cost | None
    """None while nothing is known."""
    tokens: int
    """Padded tokens of a batch at most, by settings and memory."""

    def budget(self, length: int, seconds: float) -> int:
        """Padded tokens of a batch of texts of this length that take `seconds` at most; one text is
        always allowed."""
        if self.cost is None:
            return self.tokens
        text_s = self.cost.text_s(length)
        left_s = seconds - self.cost.call_s
        if text_s <= 0 or left_s >= text_s * self.tokens / length:
            return self.tokens
        return max(int(left_s / text_s), 1) * length


Prices = Callable[[int], Price]
"""Price by key of the version, for the worker at hand."""


class _Cap(NamedTuple):
    tokens: int
    since: float


class Costs:
    """Prices of all versions on all workers. Not thread-safe."""

    def __init__(self, token_budget: int, known: Sequence[Profile] = ()) -> None:
        """
        Args:
            token_budget: padded tokens of a batch at most, whatever it costs.
            known: what was learnt before.
        """
        self._token_budget = token_budget
        self._experiences: dict[tuple[int, str], Experience] = {}
        self._caps: dict[tuple[int, str], _Cap] = {}
        self._kinds: dict[str, str] = {}
        self._profiles: dict[tuple[int, str], Profile] = {}
        self._typical: dict[int, Cost] = {}
        self._news: set[tuple[int, str]] = set()
        self.remember(known)

    def remember(self, profiles: Sequence[Profile]) -> None:
        """Take over what was learnt before, where nothing newer is known."""
        for profile in profiles:
            key = (profile.version_id, profile.kind)
            if key not in self._profiles:
                self._profiles[key] = profile
                self._typical.setdefault(profile.version_id, Cost(*profile.prices))

    def see(self, workers: Sequence[WorkerState]) -> None:
        """Note the kinds of living workers, forget those that are gone, and take the costs of
        their warm-ups where nothing is known."""
        self._kinds = {worker.worker_id: kind_of(worker.device) for worker in workers}
        gone = [key for key in self._experiences if key[1] not in self._kinds]
        for key in gone:
            del self._experiences[key]
        self._caps = {key: cap for key, cap in self._caps.items() if key[1] in self._kinds}
        for worker in workers:
            for version_id, prices in worker.costs:
                key = (version_id, self._kinds[worker.worker_id])
                if key not in self._profiles:
                    self._note(key, Cost(*prices), 0)

    def price(self, worker_id: str, version_id: int) -> Price:
        """What a batch of this version costs on this worker."""
        cap = self._caps.get((version_id, worker_id))
        cost = self._experience(version_id, worker_id).cost
        return Price(cost, self._token_budget if cap is None else cap.tokens)

    def typical(self, version_id: int) -> Cost | None:
        """What was learnt last of this version, on whatever worker."""
        return self._typical.get(version_id)

    def learn(self, worker_id: str, version_id: int, observation: Observation, now: float) -> None:
        """Note what a batch really took."""
        if observation.seconds <= 0:
            return
        self._recover(worker_id, version_id, now)
        experience = self._experience(version_id, worker_id)
        learnt = experience.see(observation, now)
        if learnt and experience.cost is not None:
            key = (version_id, self._kinds.get(worker_id, ""))
            known = self._profiles.get(key)
            self._note(key, experience.cost, learnt + (known.batches if known else 0))

    def exhausted(self, worker_id: str, version_id: int, tokens: int, now: float) -> None:
        """The memory did not suffice for a batch of so many tokens: halve the budget."""
        allowed = self.price(worker_id, version_id).tokens
        halved = max(min(tokens, allowed) // 2, FEWEST_TOKENS)
        self._caps[version_id, worker_id] = _Cap(min(halved, allowed), now)

    @property
    def news(self) -> list[Profile]:
        """Profiles that are not kept yet as they are now."""
        return [self._profiles[key] for key in self._news if key[1]]

    def kept(self, profiles: Sequence[Profile]) -> None:
        """These are kept."""
        self._news -= {
            (one.version_id, one.kind)
            for one in profiles
            if self._profiles.get((one.version_id, one.kind)) == one
        }

    def _experience(self, version_id: int, worker_id: str) -> Experience:
        key = (version_id, worker_id)
        found = self._experiences.get(key)
        if found is None or found.cost is None:
            known = self._profiles.get((version_id, self._kinds.get(worker_id, "")))
            if found is None:
                found = self._experiences[key] = Experience(None)
            if known:
                found.cost = Cost(*known.prices)
        return found

    def _note(self, key: tuple[int, str], cost: Cost, batches: int) -> None:
        version_id, kind = key
        self._profiles[key] = Profile(version_id, kind, (*cost,), batches)
        self._typical[version_id] = cost
        self._news.add(key)

    def _recover(self, worker_id: str, version_id: int, now: float) -> None:
        cap = self._caps.get((version_id, worker_id))
        if cap is None or now - cap.since < RECOVERY_S:
            return
        if cap.tokens * 2 >= self._token_budget:
            del self._caps[version_id, worker_id]
        else:
            self._caps[version_id, worker_id] = _Cap(cap.tokens * 2, now)


def kind_of(device: str) -> str:
    """What devices have in common that cost alike: `gpu:1` is a `gpu`, `cpu:4-7` a `cpu/4`."""
    name, _, cores = device.partition(":")
    if name != "cpu" or not cores:
        return name
    return f"cpu/{sum(_count(part) for part in cores.split(','))}"


def _count(part: str) -> int:
    first, _, last = part.partition("-")
    return int(last) - int(first) + 1 if last.isdigit() and first.isdigit() else 1
