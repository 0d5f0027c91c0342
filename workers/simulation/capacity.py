"""How many devices and dispatchers a load needs."""

import math
from collections.abc import Callable, Sequence

import msgspec

from schemas.errors import UsageError
from workers.simulation.arrivals import Arrival
from workers.simulation.outcome import Outcome
from workers.simulation.run import Plant, Simulation

MOST_DEVICES = 1024
_ROOM = 0.8
"""Share of a dispatcher's time that the load may take, so that bursts find room."""

_LATE = 0.01
"""Share of the texts that may take longer, or expire."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What suffices, and what the simulation of it came to."""

    devices: int
    dispatchers: int
    partitions: int
    outcome: Outcome


def needed(arrivals: Sequence[Arrival], plant: Plant, p99_s: float) -> Need:
    """Return the fewest devices that answer 99 % of `arrivals` within `p99_s` seconds.

    Dispatchers follow from the rate, and partitions are twice as many, so that one may be added.

    Raises:
        UsageError: `MOST_DEVICES` do not suffice: a single text takes too long.
    """
    rate = len(arrivals) / max(arrivals[-1].at - arrivals[0].at, 1e-9)
    dispatchers = math.ceil(rate * plant.admit_s / _ROOM)
    partitions = max(plant.partitions, 2 * dispatchers)

    def tried(devices: int) -> Outcome:
        changed = {"devices": devices, "dispatchers": dispatchers, "partitions": partitions}
        return Simulation(arrivals, msgspec.structs.replace(plant, **changed), "textmill").run()

    enough, outcome = _first_enough(tried, p99_s)
    few = enough // 2
    while enough - few > 1:
        middle = (few + enough) // 2
        found = tried(middle)
        if found.late(p99_s) <= _LATE:
            enough, outcome = middle, found
        else:
            few = middle
    return Need(devices=enough, dispatchers=dispatchers, partitions=partitions, outcome=outcome)


def _first_enough(tried: Callable[[int], Outcome], p99_s: float) -> tuple[int, Outcome]:
    """Double the devices until they suffice."""
    devices = 1
    while devices <= MOST_DEVICES:
        outcome = tried(devices)
        if outcome.late(p99_s) <= _LATE:
            return devices, outcome
        devices *= 2
    raise UsageError(
        f"{MOST_DEVICES} devices do not answer 99 % within {p99_s} s "
        f"(p99 is {outcome.p99_s:.3f} s): give a longer time or a cheaper model"
    )
