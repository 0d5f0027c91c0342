"""Which faults a history suffers, and at which passing of which step."""

from collections import Counter
from random import Random
from typing import Final

DISPATCHER_DIES: Final = (
    "dispatcher dies after claim",
    "dispatcher dies after poll",
    "dispatcher dies after submit",
    "dispatcher dies before advance",
    "dispatcher dies after advance",
    "dispatcher dies before end",
    "dispatcher dies after end",
)
DISPATCHER_FREEZES: Final = (
    "dispatcher freezes after poll",
    "dispatcher freezes before submit",
    "dispatcher freezes before write",
)
WORKER_DIES: Final = (
    "worker dies before predict",
    "worker dies after predict",
    "worker dies after persist",
)
WORKER_FREEZES: Final = ("worker freezes before persist", "worker freezes after persist")
WORKER_FAILS: Final = ("model fails", "commit reply lost")
BUS: Final = (
    "batch lost",
    "batch doubled",
    "batch late",
    "batch refused",
    "completion lost",
    "completion doubled",
    "completion late",
)
AT_A_TIME: Final = (
    "store away",
    "log away",
    "bus away",
    "rebalance",
    "dispatcher joins",
    "zombie claims",
    "log's offset rewound",
)
AT_A_STEP: Final = (
    *DISPATCHER_DIES,
    *DISPATCHER_FREEZES,
    *WORKER_DIES,
    *WORKER_FREEZES,
    *WORKER_FAILS,
    *BUS,
)
ALL: Final = (*AT_A_STEP, *AT_A_TIME)

MOST_WORKER_LOSSES: Final = 2
"""Fewer than `isolation.STRIKES`, so that chance alone condemns no innocent text."""


class Plan:
    """The faults of one history; `happened` counts those that found their moment."""

    def __init__(self, random: Random) -> None:
        chosen = random.choices(ALL, k=random.choice((0, 1, 1, 2, 2, 3, 4, 5)))
        self.at_a_time = [name for name in chosen if name in AT_A_TIME]
        self.happened: Counter[str] = Counter()
        self._passings: Counter[str] = Counter()
        self._due = {(name, random.choice((1, 1, 1, 2, 3, 5))) for name in chosen}
        self._losses_left = MOST_WORKER_LOSSES

    def strikes(self, step: str) -> bool:
        """Whether the fault of this name happens at this passing of its step."""
        self._passings[step] += 1
        if (step, self._passings[step]) not in self._due:
            return False
        if step in WORKER_DIES or step in WORKER_FREEZES:
            if not self._losses_left:
                return False
            self._losses_left -= 1
        self.happened[step] += 1
        return True
