"""What a writer remembers of the dictionary, and when it forgets."""

from workers.sql.known_names import KnownNames

ACME, BEIJING = ("default", "Acme"), ("default", "北京")


def test_what_was_written_is_known_in_the_same_edition_alone() -> None:
    known = KnownNames()
    known.learn([ACME], (1, "server"))

    assert known.unknown({ACME, BEIJING}, (1, "server")) == {BEIJING}
    assert known.unknown({ACME, ("b", "Acme")}, (1, "server")) == {("b", "Acme")}
    assert known.unknown({ACME}, (2, "server")) == {ACME}
    assert known.unknown({ACME}, (1, "another server")) == {ACME}


def test_a_later_edition_begins_empty() -> None:
    known = KnownNames()
    known.learn([ACME], (1,))
    known.learn([BEIJING], (2,))

    assert known.unknown({ACME, BEIJING}, (2,)) == {ACME}


def test_where_nobody_can_tell_the_edition_nothing_is_known() -> None:
    known = KnownNames()
    known.learn([ACME], None)

    assert known.unknown({ACME}, None) == {ACME}


def test_the_first_names_leave_for_later_ones() -> None:
    known = KnownNames(most=2)
    for name in "abc":
        known.learn([("default", name)], (1,))

    asked = {("default", name) for name in "abc"}
    assert known.unknown(asked, (1,)) == {("default", "a")}
