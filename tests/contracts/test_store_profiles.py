"""What the Profiles port promises, on both databases."""

import msgspec

from tests.contracts.store_fixtures import store_url, world
from tests.contracts.store_world import World
from workers.ports import Profile
from workers.sql.profiles import SqlProfiles

__all__ = ["store_url", "world"]


def test_what_is_kept_comes_back_and_the_last_word_stands(world: World) -> None:
    profiles = SqlProfiles(world.engine)
    first = Profile(world.version.version_id, "cpu/2", (7.5e-4, 2.9e-6, 1e-10), 0)
    other = msgspec.structs.replace(first, kind="gpu")
    assert profiles.profiles() == []
    profiles.keep([other, first])
    assert profiles.profiles() == [first, other]

    learnt = msgspec.structs.replace(first, prices=(1e-3, 1e-7, 0.0), batches=2**40)
    profiles.keep([learnt])
    profiles.keep([])

    assert profiles.profiles() == [learnt, other]


def test_a_version_that_is_not_registered_is_left_out(world: World) -> None:
    known = Profile(world.version.version_id, "cpu", (1.0, 2.0, 3.0), 1)
    SqlProfiles(world.engine).keep([Profile(999, "cpu", (1.0, 2.0, 3.0), 1), known])

    assert SqlProfiles(world.engine).profiles() == [known]
