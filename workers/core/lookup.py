"""What people write when they look for results, made exact. Pure."""

import re
from datetime import UTC, datetime, timedelta

from schemas.errors import UsageError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
EXAMPLES = "write `90s`, `15m`, `2h`, `3d`, `1w`, `2025-06-30` or `2025-06-30T12:00:00Z`"


def parse_since(words: str, now: datetime) -> datetime:
    """The moment that `words` mean: so long before `now`, or a date, or an RFC 3339 moment.

    Without an offset a date or moment is UTC.

    Raises:
        UsageError: they mean no moment; shows what does.
    """
    written = words.strip()
    try:
        if age := re.fullmatch(r"(\d{1,9})\s*([smhdw])", written, re.ASCII):
            return now - timedelta(**{UNITS[age[2]]: int(age[1])})
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"`{words}` is no moment: {EXAMPLES}") from None


def parse_model(words: str) -> tuple[str, int | None]:
    """Name and version of `name` or `name@3`; the version is None when all are meant.

    Raises:
        UsageError: what follows the @ is no number.
    """
    name, at, number = words.partition("@")
    if name and not at:
        return name, None
    if name and re.fullmatch(r"[1-9]\d{0,8}", number, re.ASCII):
        return name, int(number)
    raise UsageError(f"`{words}` is no model: write `name` or `name@3`")
