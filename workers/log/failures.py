"""How long reading from Kafka has failed, and when somebody has to be told.

A broker that is away comes back, so it is waited for without end. A right that was taken away, or
anything else that the client cannot mend, would look the same from outside: a process that lives
and does nothing. So it is said once a minute, and after ten minutes of nothing else it is an error.
"""

from typing import Final

from kafka.errors import RetriableError, UnknownBrokerIdError

from schemas.errors import TextmillError

PASSING: Final = (RetriableError, UnknownBrokerIdError, OSError)
"""What passes by itself: no connection, a broker that starts, a leader that changes."""
SAY_EVERY_S: Final = 60.0
GIVE_UP_S: Final = 600.0
SPELL_S: Final = 60.0
"""Failures further apart than this do not belong together."""


class Failures:
    """Failures without a record in between; `now` is the monotonic clock in seconds."""

    def __init__(self) -> None:
        self._since: float | None = None
        """When the present spell began of nothing but what does not pass."""
        self._last = self._said = float("-inf")
        self._name = ""

    def ended(self) -> None:
        """Records came."""
        self._since = None

    def worth_saying(self, error: Exception, now: float) -> bool:
        """Note a failure; whether to say so: another kind than the last, or a minute later.

        Raises:
            TextmillError: nothing came for ten minutes but failures that do not pass.
        """
        if isinstance(error, PASSING) or now - self._last > SPELL_S:
            self._since = None
        if self._since is None and not isinstance(error, PASSING):
            self._since = now
        self._last = now
        name = type(error).__name__
        if self._since is not None and now - self._since >= GIVE_UP_S:
            raise TextmillError(
                f"Reading from Kafka has failed for {GIVE_UP_S / 60:.0f} minutes, now with {name}. "
                "May this group still read the topics?"
            ) from error
        if name == self._name and now - self._said < SAY_EVERY_S:
            return False
        self._name, self._said = name, now
        return True
