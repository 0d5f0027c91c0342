"""What a loop does again and again beside others, whatever becomes of the service it needs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from schemas.errors import TextmillError

_log = logging.getLogger(__name__)

AWAY_S: Final = 0.5
"""Pause before a service that did not answer is asked again."""


async def repeat(service: str, pause_s: float, duty: Callable[[], Awaitable[float | None]]) -> None:
    """Do a duty for ever; say once when its service fails and when it is back.

    Args:
        service: what it needs, for people.
        pause_s: from one time to the next.
        duty: gives a shorter pause for once, or None; raises TextmillError where the service
            fails, and is tried again soon.
    """
    failed = False
    while True:
        try:
            sooner_s = await duty()
        except TextmillError as error:
            if not failed:
                _log.warning("the %s fails, trying on: %s", service, error)
            failed = True
            await asyncio.sleep(AWAY_S)
            continue
        if failed:
            _log.warning("the %s works again", service)
            failed = False
        await asyncio.sleep(pause_s if sooner_s is None else min(sooner_s, pause_s))
