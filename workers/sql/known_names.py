"""Names that a writer need not write again, because they are in the dictionary already.

Names are as frequent as words are, so most of a batch's are known after the first few batches. The
dictionary says with each transaction which *edition* it is of; when names were removed, or the
server is another or went back to a backup, the edition is new and nothing is known any more.
"""

import threading
from collections.abc import Iterable
from itertools import islice
from typing import Final

MOST: Final = 50_000
"""Names that are remembered, some 8 MiB; the first ones leave."""

Name = tuple[str, str]
"""A tenant and a name of one of its spans."""
Edition = tuple[object, ...] | None
"""Of the dictionary: another one where names may have left it; None: nobody can tell."""


class KnownNames:
    """What one process has seen to be in the dictionary. For any thread."""

    def __init__(self, most: int = MOST) -> None:
        """`most`: how many names are remembered."""
        self._most = most
        self._edition: Edition = None
        self._names: dict[Name, None] = {}
        self._lock = threading.Lock()

    def unknown(self, names: set[Name], edition: Edition) -> set[Name]:
        """Those that may be missing from the dictionary of this edition."""
        with self._lock:
            same = edition is not None and edition == self._edition
            return names.difference(self._names) if same else names

    def learn(self, names: Iterable[Name], edition: Edition) -> None:
        """These are in the dictionary, written by a transaction that has committed and that saw
        this edition."""
        with self._lock:
            if edition != self._edition:
                self._edition, self._names = edition, {}
            self._names.update(dict.fromkeys(names))
            too_many = max(len(self._names) - self._most, 0)
            for name in list(islice(self._names, too_many)):
                del self._names[name]
