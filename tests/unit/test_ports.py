"""Ports for servers that start beside each other."""

from itertools import chain, count

import pytest

from deploy.services import ports
from deploy.services.ports import free_port


def test_no_port_is_drawn_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = chain([7] * 3, count(8))
    monkeypatch.setattr(ports.secrets, "randbelow", lambda _: next(draws))
    drawn = [free_port() for _ in range(3)]
    assert len(set(drawn)) == 3
