"""The words in which batches are decided on: place at a worker, limits, reason, batch."""

from collections.abc import Container
from enum import StrEnum
from typing import NamedTuple

import msgspec

from schemas.groups import EVERYTHING
from workers.core.costs import Prices
from workers.core.delivery import Delivery
from workers.core.lag import LEAST_S


class Release(StrEnum):
    """Why a batch left the batcher; the first reason that holds."""

    FULL = "full"
    """More would not have fitted."""
    DEADLINE = "deadline"
    """Later would have been too late."""
    TIMER = "timer"
    """The wait for company was over."""
    IDLE = "idle"
    """A worker had nothing to do."""
    FLUSH = "flush"
    """No company will come any more."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every batch."""

    max_batch: int = 512
    """Texts at most."""
    token_budget: int = 32_768
    """Padded tokens at most where the place names no price."""
    max_batch_s: float = 0.5
    """Predicted seconds at most."""
    mixed_batch_s: float = 0.04
    """The same for bulk work while interactive jobs come, which may have to wait for it."""
    stage_s: float = 0.02
    """While interactive jobs come, a batch is staged behind another one only so many predicted
    seconds before that one ends, so that it holds what came until then."""
    by_cost: bool = True
    """Whether what batches cost has a say in which line goes first (`workers.core.choice`)."""


class Place(NamedTuple):
    """A worker's readiness to take one more batch."""

    idle: bool
    """It has nothing else in hand, so that waiting would waste it."""
    ahead_s: float = 0.0
    """Predicted seconds until it comes to this batch."""
    running_s: float = 0.0
    """Predicted seconds of the batch that it runs now, from its beginning to its end."""
    soonest_s: float = 0.0
    """The same of the worker that comes to a new batch first."""
    lag_s: float = LEAST_S
    """What a batch takes there beside the device: the way, and its rows."""
    flush: bool = False
    """Nothing more will arrive for now, so that waiting for company is in vain."""
    prices: Prices | None = None
    """What versions cost there; None: nothing is known."""
    gives_way: bool = False
    """It has bulk work in hand, which interactive jobs pass in batches of their own."""
    passes: bool = False
    """The place is for such a batch."""
    serves: Container[str] = EVERYTHING
    """Names of the models that the worker may be sent; hashable."""


class Formed(msgspec.Struct, frozen=True):
    """Deliveries that go together: one model version, whichever of its tasks they ask."""

    deliveries: tuple[Delivery, ...]
    reason: Release
    tokens: int = 0
    """Sum of the padded lengths."""
    pairs: int = 0
    """Sum of their squares."""
    seconds: float = 0.0
    """What it will take, by what is known."""
