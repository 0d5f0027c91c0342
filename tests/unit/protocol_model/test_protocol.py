"""Thousands of histories hold every invariant; seven broken protocols are each found out.

To see one history again: `python -m tests.unit.protocol_model.test_protocol SEED`.
"""

import logging
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.unit.protocol_model import faults
from tests.unit.protocol_model.auditor import ViolationError
from tests.unit.protocol_model.mutants import MUTANTS, Mutant
from tests.unit.protocol_model.world import history

HISTORIES = 3_000
SHARES = 6


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("share", range(SHARES))
def test_no_history_breaks_an_invariant_and_every_fault_really_happens(share: int) -> None:
    happened: Counter[str] = Counter()
    for seed in range(share, HISTORIES, SHARES):
        happened += history(seed).plan.happened
    missing = [name for name in faults.ALL if happened[name] < 2]
    assert not missing, f"these faults never found their moment: {missing}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_protocol_is_found_out(mutant: Mutant) -> None:
    with mutant.installed(), pytest.raises(ViolationError):
        _run_all(mutant)


def _run_all(mutant: Mutant) -> None:
    for seed in range(HISTORIES):
        history(seed, mutant)


if __name__ == "__main__":
    history(int(sys.argv[1]))
