"""Every command explains itself, with an example that names it."""

import re

import pytest

from tests.acceptance.running import Installation

COMMANDS = [
    *(
        ["serve"],
        ["dispatch"],
        ["work"],
        ["publish"],
        ["demo"],
        ["train"],
        ["compress", "quantise"],
        ["pretrain"],
        ["evaluate"],
    ),
    *(["config"], ["schema"], ["doctor"], ["results", "get"], ["results", "list"]),
    *(["topics", "create"], ["db", "upgrade"], ["models", "list"], ["models", "register"]),
    *(["simulate"], ["tune"], ["models", "profile"]),
    *(["models", "show"], ["models", "activate"], ["models", "canary"], ["models", "shadow"]),
    *(["models", "promote"], ["models", "rollback"], ["models", "pin"], ["models", "unpin"]),
    *(["models", "retire"], ["models", "remove"], ["models", "alias"]),
    *(["models", "history"], ["models", "diff"]),
    *(["models", "compare"], ["models", "why"], ["results", "count"], ["results", "export"]),
    *(["bulk", "submit"], ["bulk", "status"], ["bulk", "watch"], ["bulk", "list"]),
    *(["bulk", "pause"], ["bulk", "resume"], ["bulk", "cancel"], ["bulk", "priority"]),
    *(["bulk", "export"], ["bulk", "errors"], ["bulk", "retry"], ["bulk", "rerun"]),
    *(["db", "maintain"], ["erase"]),
    *(["compress", "distil"], ["compress", "prune"], ["compress", "search"]),
    *(["compress", "cascade"], ["compress", "early-exit"]),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(embedded: Installation, command: list[str]) -> None:
    said = embedded.run(*command, "--help")
    assert "Example" in said.stdout
    assert f"textmill {' '.join(command)}" in " ".join(said.stdout.replace("│", " ").split())


def test_every_command_is_tried_above(embedded: Installation) -> None:
    found = commands_in(embedded.run("--help").stdout)
    groups = {command[0] for command in COMMANDS if len(command) > 1}
    assert found == {command[0] for command in COMMANDS}
    for group in groups:
        inner = commands_in(embedded.run(group, "--help").stdout)
        assert inner == {command[1] for command in COMMANDS if command[0] == group}


def commands_in(help_text: str) -> set[str]:
    """The names in the box of commands."""
    box = help_text.split("─ Commands ─", 1)[1]
    return set(re.findall(r"^│ ([a-z-]+) ", box, re.MULTILINE))
