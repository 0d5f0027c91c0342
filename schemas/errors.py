"""Every error that Textmill raises on purpose.

    TextmillError
    ├── UsageError            a person gave something wrong; the message says what to do
    │   ├── SettingsError     a setting is unknown or has a wrong value
    │   └── DataError         a file of texts or labels cannot be used
    ├── UnavailableError      a service does not answer now; the same call may work later
    ├── InvalidJobError       a record is not a job; it ends as a dead letter with `reason`
    └── ArtifactError         a model version's files are damaged, incomplete or not to be trusted

`retryable` says whether the same call can succeed later without anybody changing anything.
"""

from typing import ClassVar


class TextmillError(Exception):
    """The root; its text is written for the person who reads it on a terminal."""

    retryable: ClassVar[bool] = False


class UsageError(TextmillError):
    """A person can mend this; the message says how."""


class SettingsError(UsageError):
    """A setting is unknown, missing or has a wrong value."""


class DataError(UsageError):
    """A file of texts, labels or records cannot be used."""


class UnavailableError(TextmillError):
    """Kafka, Redis or the database does not answer."""

    retryable = True


class InvalidJobError(TextmillError):
    """A record is not a job. `reason` is a stable code for programs, the text is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class ArtifactError(TextmillError):
    """The files of a model version are damaged, incomplete or not to be trusted."""
