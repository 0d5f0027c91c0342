"""Make the next thing while the one before is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(made: Iterator[T]) -> Iterator[T]:
    """The same things in the same order, each made in a thread of its own, one ahead at most.

    What making one raises is raised where that one would have come.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="textmill-ahead") as thread:
        coming = thread.submit(_next, made)
        while following := coming.result():
            coming = thread.submit(_next, made)
            yield following[0]


def _next(made: Iterator[T]) -> tuple[T] | None:
    for one in made:
        return (one,)
    return None
