"""Whoever gives something wrong reads one line that says what to do, and never a traceback.

Each case is a command that cannot work: a wrong setting, a service that does not answer, a schema
that is not there, a file that is no file. It must end by itself, with an exit code that is not 0,
and say on standard error, in one line, what the person at the terminal can do about it.
"""

import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deploy.services.ports import free_port
from tests.acceptance.conftest import STARTERS, Servers, empty_broker, on_servers
from tests.acceptance.running import Installation

SECONDS = 60
"""A command that cannot work should not take longer to say so, on the slowest machine."""


def refused(said: subprocess.CompletedProcess[str], *words: str) -> str:
    """The one line of a command that refused; it must hold `words`."""
    assert said.returncode not in (0, None), said.stdout
    assert "Traceback" not in said.stderr, said.stderr
    lines = [line for line in said.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, said.stderr
    assert all(word.lower() in lines[0].lower() for word in words), lines[0]
    return lines[0]


# A person's mistakes with settings.

WRONG_SETTINGS = {
    "unknown": ({"TEXTMILL_COLOUR": "red"}, ["TEXTMILL_COLOUR", "textmill config"]),
    "unknown in a group": (
        {"TEXTMILL_KAFKA__SERVERS": "localhost:9092"},
        ["TEXTMILL_KAFKA__SERVERS", "textmill config"],
    ),
    "no number": ({"TEXTMILL_DISPATCH__LEASE_S": "soon"}, ["TEXTMILL_DISPATCH__LEASE_S"]),
    "below the least": ({"TEXTMILL_WORKER__HEARTBEAT_S": "0"}, ["TEXTMILL_WORKER__HEARTBEAT_S"]),
    "no choice": ({"TEXTMILL_KAFKA__SECURITY_PROTOCOL": "TLS"}, ["security_protocol"]),
    "no database": ({"TEXTMILL_DATABASE__URL": "postgres at home"}, ["postgresql+psycopg://"]),
    "another database": (
        {"TEXTMILL_DATABASE__URL": "mysql://localhost/x"},
        ["postgresql", "sqlite"],
    ),
    "no secret file": (
        {"TEXTMILL_DATABASE__URL_FILE": "/nowhere/secret"},
        ["TEXTMILL_DATABASE__URL_FILE", "/nowhere/secret"],
    ),
    "unencrypted to afar": (
        {"TEXTMILL_KAFKA__BOOTSTRAP_SERVERS": "kafka.example.org:9092"},
        ["unencrypted", "TEXTMILL_KAFKA__ALLOW_PLAINTEXT"],
    ),
    "no settings file": ({"TEXTMILL_CONFIG": "/nowhere/textmill.toml"}, ["/nowhere/textmill.toml"]),
    "no redis": ({"TEXTMILL_REDIS__URL": "localhost"}, ["TEXTMILL_REDIS__URL"]),
}


@pytest.mark.parametrize("case", WRONG_SETTINGS)
def test_a_wrong_setting(embedded: Installation, case: str) -> None:
    settings, words = WRONG_SETTINGS[case]
    refused(embedded.run("serve", settings=settings, ok=False, seconds=SECONDS), *words)


WRONG_FILES = {
    "unknown table": ("[kafak]\ngroup_id = 'x'\n", ["kafak"]),
    "unknown key": ("[kafka]\ngroup = 'x'\n", ["kafka", "group"]),
    "no table": ("kafka = 'localhost'\n", ["kafka"]),
    "no TOML": ("[kafka\n", ["textmill.toml"]),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_settings_file(embedded: Installation, case: str) -> None:
    content, words = WRONG_FILES[case]
    (embedded.directory / "textmill.toml").write_text(content)
    refused(embedded.run("config", ok=False), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dispatch"], ["TEXTMILL_REDIS__URL", "textmill serve"]),
        (["work"], ["TEXTMILL_REDIS__URL", "textmill serve"]),
        (["publish", "nowhere.txt"], ["nowhere.txt"]),
        (["publish", "--task", "poetry", "nowhere.txt"], ["poetry", "sentiment"]),
        (["publish", "--metadata", "colour", "-"], ["KEY=VALUE", "colour"]),
        (["publish", "--model", "No Model", "-"], ["model"]),
        (["results", "get", "nobody-sent-this"], ["nobody-sent-this"]),
        (["train", "--lang", "en", "--name", "x", "--out", "v"], ["--task", "[[tasks]]"]),
        (["compress", "quantise", "nowhere", "--out", "v"], ["nowhere", "manifest"]),
        (["compress", "quantise", ".", "--out", "v", "--build", "int4"], ["int4", "litert-int8"]),
        (["pretrain", "--lang", "en", "--raw", "nowhere.txt", "--out", "v"], ["nowhere.txt"]),
        (
            [
                *("compress", "cascade", "--cheap", "a", "--strong", "b", "--dev", "c"),
                *("--out", "d", "--max-loss", "1", "--min-agreement", "0.9"),
            ],
            ["--max-loss", "choose one"],
        ),
        (["results", "list", "--task", "sentiment", "--since", "lately"], ["lately", "2h"]),
        (["results", "list", "--task", "sentiment", "--after", "me"], ["--after", "page before"]),
        (["results", "count", "--until", "lately"], ["lately", "2h"]),
        (["results", "export", "--task", "sentiment", "--output", "x"], ["--format", ".parquet"]),
        (["db", "maintain", "--keep", "long"], ["long", "3d"]),
        (["bulk", "submit", "nowhere.csv", "--task", "sentiment"], ["nowhere.csv"]),
        (["bulk", "submit", "-", "--task", "poetry"], ["poetry", "sentiment"]),
        (["bulk", "submit", "-", "--task", "sentiment", "--lang", "fr"], ["lang"]),
        (["bulk", "submit", "-", "--task", "sentiment", "--where", "n"], ["COLUMN=VALUE"]),
        (["bulk", "submit", "-", "--task", "sentiment", "--name", "a b"], ["named", "letters"]),
        (["bulk", "submit", "-", "--task", "sentiment", "--reuse", "a"], ["file, all, none"]),
        (["bulk", "status", "nothing"], ["nothing", "textmill bulk list"]),
        (["bulk", "watch", "nothing"], ["textmill bulk list"]),
        (["bulk", "pause", "nothing"], ["textmill bulk list"]),
        (["bulk", "resume", "nothing"], ["textmill bulk list"]),
        (["bulk", "cancel", "nothing"], ["textmill bulk list"]),
        (["bulk", "priority", "nothing", "first"], ["first", "high, normal, low"]),
        (["bulk", "export", "nothing", "--output", "a.csv"], ["textmill bulk list"]),
        (["bulk", "errors", "nothing"], ["textmill bulk list"]),
        (["bulk", "retry", "nothing"], ["textmill bulk list"]),
        (["bulk", "rerun", "--from", "nothing@1", "--to", "nothing@2"], ["nothing@1"]),
        (["results", "list", "--task", "sentiment", "--model", "m@x"], ["m@x", "name@3"]),
    ],
    ids=" ".join,
)
def test_a_command_that_cannot_work_embedded(
    embedded: Installation, arguments: list[str], words: list[str]
) -> None:
    refused(embedded.run(*arguments, given="text\n", ok=False), *words)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("no-json.jsonl", '{"text": "one"}\n{"text": "two"\n', 2),
        ("no-text.jsonl", '{"text": "one"}\n\n{"job_id": "two"}\n', 3),
        ("no-utf8.txt", b"one\ntwo\n\xff\xfe\n", 3),
        ("blank-text.jsonl", '{"text": "  "}\n', 1),
        ("nul.jsonl", '{"text": "a\\u0000b"}\n', 1),
    ],
)
def test_a_bad_line_is_named(
    embedded: Installation, name: str, content: str | bytes, line: int
) -> None:
    path = embedded.directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = refused(embedded.run("publish", str(path), ok=False), name)
    assert re.search(rf"\b{line}\b", said.split(name, 1)[1]), said


def test_a_second_server_on_the_same_directory(embedded: Installation) -> None:
    embedded.settings[STARTERS] = "none"
    first = embedded.start("serve")
    embedded.wait_for("serving", lambda: "textmill serves" in first.said, 120)
    time.sleep(1)  # it takes the log's lock right after it has greeted
    said = refused(
        embedded.run("serve", ok=False, seconds=120), str(embedded.data), str(first.process.pid)
    )
    assert "another data directory" in said
    assert first.exit_code is None, "the first one must not be harmed"


# Typer's own refusals are boxed; what matters is that they name the fault and end with 2.


@pytest.mark.parametrize(
    "arguments",
    [["sreve"], ["publish"], ["results", "list"], ["topics", "create", "--partitions", "0"]],
)
def test_a_command_that_is_not_understood(embedded: Installation, arguments: list[str]) -> None:
    said = embedded.run(*arguments, ok=False)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert "Error" in said.stderr or "Usage" in said.stderr


# Services that are not there.


@pytest.fixture(scope="module")
def elsewhere(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """On real servers, with an empty database that nobody has upgraded."""
    directory = tmp_path_factory.mktemp("errors")
    with on_servers(servers, directory, upgraded=False) as installation:
        yield installation


def closed(setting: str) -> dict[str, str]:
    """A setting that names a port where nobody listens."""
    address = f"127.0.0.1:{free_port()}"
    urls = {
        "TEXTMILL_KAFKA__BOOTSTRAP_SERVERS": address,
        "TEXTMILL_REDIS__URL": f"redis://:secret-of-redis@{address}/0",
        "TEXTMILL_DATABASE__URL": f"postgresql+psycopg://me:secret-of-sql@{address}/textmill",
    }
    return {setting: urls[setting]}


KAFKA, REDIS, SQL = (
    "TEXTMILL_KAFKA__BOOTSTRAP_SERVERS",
    "TEXTMILL_REDIS__URL",
    "TEXTMILL_DATABASE__URL",
)
UNREACHABLE = [
    (["dispatch"], KAFKA),
    (["dispatch"], REDIS),
    (["dispatch"], SQL),
    (["publish", "--task", "sentiment", "-"], KAFKA),
    (["topics", "create"], KAFKA),
    (["results", "get", "x"], SQL),
    (["results", "list", "--task", "sentiment"], SQL),
    (["models", "list"], SQL),
    (["db", "upgrade"], SQL),
]


SUPERVISED = [
    *((["serve"], setting) for setting in (KAFKA, REDIS, SQL)),
    *((["work"], setting) for setting in (REDIS, SQL)),  # a worker does not talk to Kafka
]


@pytest.fixture(scope="module")
def upgraded(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """On real servers, all of them there and ready."""
    with on_servers(servers, tmp_path_factory.mktemp("upgraded")) as installation:
        yield installation


Said = dict[tuple[str, str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def unreachable(upgraded: Installation) -> Said:
    """What each command says when a service does not answer; asked together, since each waits."""

    def ask(case: tuple[list[str], str]) -> tuple[tuple[str, str], Any]:
        arguments, setting = case
        said = upgraded.run(
            *arguments, given="a text\n", settings=closed(setting), ok=False, seconds=2 * SECONDS
        )
        return (" ".join(arguments), setting), said

    with ThreadPoolExecutor(4) as pool:
        return dict(pool.map(ask, UNREACHABLE + SUPERVISED))


def words(part: object) -> str:
    """A part of a test's name."""
    return " ".join(part) if isinstance(part, list) else str(part)


@pytest.mark.parametrize(("arguments", "setting"), UNREACHABLE, ids=words)
def test_a_service_that_does_not_answer(
    unreachable: Said, arguments: list[str], setting: str
) -> None:
    assert "secret" not in refused(unreachable[words(arguments), setting], setting)


@pytest.mark.parametrize(("arguments", "setting"), SUPERVISED, ids=words)
def test_a_supervised_service_that_does_not_answer(
    unreachable: Said, arguments: list[str], setting: str
) -> None:
    """The supervisor tells what it starts and stops; between that stands what is wrong."""
    said = unreachable[words(arguments), setting]
    assert said.returncode not in (0, None)
    assert "Traceback" not in said.stderr
    assert "secret" not in said.stderr
    assert setting in said.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["dispatch"],
        ["results", "get", "x"],
        ["results", "list", "--task", "sentiment"],
        ["models", "list"],
    ],
    ids=" ".join,
)
def test_an_empty_database(elsewhere: Installation, arguments: list[str]) -> None:
    refused(elsewhere.run(*arguments, ok=False, seconds=SECONDS), "textmill db upgrade", "empty")


def test_an_empty_database_for_a_worker(elsewhere: Installation) -> None:
    said = elsewhere.run("work", ok=False, seconds=120)
    assert said.returncode != 0
    assert "textmill db upgrade" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_database_of_another_version(elsewhere: Installation) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(elsewhere.database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    try:
        for arguments in (["dispatch"], ["db", "upgrade"]):
            said = elsewhere.run(*arguments, ok=False, seconds=SECONDS)
            refused(said, "9999", "upgrade the program")
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE alembic_version"))
        engine.dispose()


@pytest.mark.parametrize(
    ("device", "word"), [("gpu:7", "gpu:7"), ("toaster", "toaster"), ("cpu:999", "999")]
)
def test_a_device_that_is_not_there(elsewhere: Installation, device: str, word: str) -> None:
    refused(elsewhere.run("work", "--device", device, ok=False), word)
    refused(elsewhere.run("serve", "--device", device, ok=False), word)


def test_topics_that_nobody_made(upgraded: Installation, servers: Servers) -> None:
    empty_broker(servers.kafka.url)
    try:
        said = upgraded.run("publish", "--task", "sentiment", "-", given="a text\n", ok=False)
        refused(said, "textmill topics create")
        doctor = upgraded.run("doctor", ok=False)
        assert doctor.returncode == 1
        assert "textmill topics create" in doctor.stdout
    finally:
        upgraded.run("topics", "create")


# Config, doctor.


def test_config_masks_secrets(embedded: Installation) -> None:
    settings = {
        "TEXTMILL_DATABASE__URL": "postgresql+psycopg://me:tell-nobody@127.0.0.1/x?password=tell-nobody",
        "TEXTMILL_REDIS__URL": "redis://:tell-nobody@127.0.0.1:6379/0",
        "TEXTMILL_KAFKA__SASL_PASSWORD": "tell-nobody",
    }
    for form in ([], ["--json"]):
        shown = embedded.run("config", *form, settings=settings).stdout
        assert "tell-nobody" not in shown
        assert "postgresql+psycopg://me:***@127.0.0.1/x" in shown


def test_doctor_finds_a_sound_embedded_installation(embedded: Installation) -> None:
    said = embedded.run("doctor")
    assert "MEND" not in said.stdout


def test_doctor_finds_sound_services(upgraded: Installation) -> None:
    said = upgraded.run("doctor")
    assert "MEND" not in said.stdout


def test_doctor_names_what_is_missing(elsewhere: Installation) -> None:
    said = elsewhere.run("doctor", ok=False, settings=closed(REDIS) | closed(KAFKA))
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    lines = {line[6:].split()[0]: line for line in said.stdout.splitlines()}
    assert "textmill db upgrade" in lines["database"]
    assert REDIS in said.stdout
    assert KAFKA in said.stdout
    assert "secret" not in said.stdout
    assert [line[:4] for line in said.stdout.splitlines()].count("MEND") == 3
