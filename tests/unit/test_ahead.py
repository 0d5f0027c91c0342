"""Things made one ahead: all of them, in order, and errors in their place."""

import threading
from collections.abc import Iterator

import pytest

from producers.ahead import ahead


def test_all_come_in_order() -> None:
    assert list(ahead(iter([0, None, "", 3]))) == [0, None, "", 3]
    assert list(ahead(iter(()))) == []


def test_one_is_made_while_the_one_before_is_used() -> None:
    begun = threading.Event()

    def made() -> Iterator[int]:
        yield 1
        begun.set()
        yield 2

    coming = ahead(made())
    assert next(coming) == 1
    assert begun.wait(5)
    assert list(coming) == [2]


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def made() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    coming = ahead(made())
    assert next(coming) == 1
    with pytest.raises(OSError, match="gone"):
        next(coming)
