"""Settings: environment before file before defaults, and nothing unknown is passed over."""

from pathlib import Path

import pytest

from schemas.errors import SettingsError
from schemas.settings import Settings, describe, load, masked_url, variable_of


@pytest.fixture
def write(tmp_path: Path):
    def _write(content: str, name: str = "textmill.toml") -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return _write


def test_nothing_said_means_embedded(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert settings == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS__URL", "http://127.0.0.1"),
        ("REDIS__URL", "redis://127.0.0.1:abc/0"),
        ("DATABASE__URL", "mysql://127.0.0.1/results"),
        ("DATABASE__URL", "postgresql://127.0.0.1:99999/results"),
    ],
)
def test_an_address_that_cannot_work_refuses_to_start(
    name: str, value: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="TEXTMILL_" + name):
        load({"TEXTMILL_" + name: value}, tmp_path)


def test_an_unknown_name_is_answered_with_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean TEXTMILL_DISPATCH__LEASE_S"):
        load({"TEXTMILL_DISPACH__LEASE_S": "1"}, tmp_path)


def test_a_wrong_value_is_told_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TEXTMILL_DISPATCH__LEASE_S"):
        load({"TEXTMILL_DISPATCH__LEASE_S": "long"}, tmp_path)


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(write, tmp_path) -> None:
    write('[kafka]\ngroup_id = "file"\n[dispatch]\nmax_batch = 7\n')
    settings = load({"TEXTMILL_KAFKA__GROUP_ID": "env"}, tmp_path)
    assert settings.kafka.group_id == "env"
    assert settings.dispatch.max_batch == 7
    assert settings.dispatch.token_budget == Settings().dispatch.token_budget


def test_a_named_file_is_read_instead_of_the_usual_one(write, tmp_path: Path) -> None:
    write("[dispatch]\nmax_batch = 7\n")
    other = write("[dispatch]\nmax_batch = 8\n", "other.toml")
    assert load({"TEXTMILL_CONFIG": str(other)}, tmp_path).dispatch.max_batch == 8


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TEXTMILL_KAFKA__GROUPID", "x", "TEXTMILL_KAFKA__GROUPID"),
        ("TEXTMILL_KAFKA", "x", "TEXTMILL_KAFKA"),
        ("TEXTMILL_", "x", "TEXTMILL_"),
        ("TEXTMILL_COLOUR_FILE", "x", "TEXTMILL_COLOUR_FILE"),
        ("TEXTMILL_DISPATCH__MAX_BATCH", "many", "dispatch.max_batch"),
        ("TEXTMILL_DISPATCH__MAX_BATCH", "", "dispatch.max_batch"),
        ("TEXTMILL_DISPATCH__MAX_BATCH", "0", "dispatch.max_batch"),
        ("TEXTMILL_DISPATCH__MAX_BATCH", "1.5", "dispatch.max_batch"),
        ("TEXTMILL_DISPATCH__LEASE_S", "nan", "dispatch.lease_s"),
        ("TEXTMILL_DISPATCH__LEASE_S", "-1", "dispatch.lease_s"),
        ("TEXTMILL_KAFKA__ALLOW_PLAINTEXT", "perhaps", "kafka.allow_plaintext"),
        ("TEXTMILL_KAFKA__SECURITY_PROTOCOL", "TLS", "kafka.security_protocol"),
        ("TEXTMILL_CONFIG", "/no/such/file", "/no/such/file"),
        ("TEXTMILL_DATABASE__URL_FILE", "/no/such/file", "TEXTMILL_DATABASE__URL_FILE"),
    ],
)
def test_a_wrong_variable_refuses_to_start_and_is_named(
    variable: str, value: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=said):
        load({variable: value}, tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[kafka]\ngroupid = 'x'", "groupid"),
        ("[kafca]\ngroup_id = 'x'", "kafca"),
        ("colour = 1", "colour"),
        ("kafka = 3", "kafka"),
        ("[dispatch]\nmax_batch = 0", "max_batch"),
        ("[dispatch]\nlease_s = nan", "lease_s"),
        ("[dispatch", "textmill.toml"),
    ],
)
def test_a_wrong_file_refuses_to_start_and_says_where(content, said, write, tmp_path) -> None:
    write(content)
    with pytest.raises(SettingsError, match=said):
        load({}, tmp_path)


def test_a_file_in_another_encoding_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "textmill.toml").write_bytes("# é".encode("latin-1"))
    with pytest.raises(SettingsError, match="Cannot read"):
        load({}, tmp_path)


def test_a_variable_under_a_value_that_is_no_table_refuses_to_start(write, tmp_path) -> None:
    write("kafka = 3")
    with pytest.raises(SettingsError, match=r"must be a table, \[kafka\]"):
        load({"TEXTMILL_KAFKA__GROUP_ID": "x"}, tmp_path)


@pytest.mark.parametrize(("value", "meant"), [("true", True), ("False", False), ("0", False)])
def test_a_boolean_variable_means_what_it_says(value: str, meant: bool, tmp_path: Path) -> None:
    settings = load({"TEXTMILL_KAFKA__ALLOW_PLAINTEXT": value}, tmp_path)
    assert settings.kafka.allow_plaintext is meant


def test_a_secret_may_come_from_a_file_whose_last_line_ends(write, tmp_path: Path) -> None:
    path = write("s3cret\n", "password")
    settings = load({"TEXTMILL_KAFKA__SASL_PASSWORD_FILE": str(path)}, tmp_path)
    assert settings.kafka.sasl_password == "s3cret"


def test_a_secret_given_twice_refuses_to_start(write, tmp_path: Path) -> None:
    name = "TEXTMILL_DATABASE__URL"
    path = write("sqlite://", "url")
    with pytest.raises(SettingsError, match="Both TEXTMILL_DATABASE__URL and"):
        load({name: "sqlite:///a", name + "_FILE": str(path)}, tmp_path)


def test_other_programs_variables_are_none_of_ours(tmp_path: Path) -> None:
    assert load({"PATH": "/bin", "TEXTMILLER": "x"}, tmp_path) == Settings()


def test_each_setting_has_a_variable_that_sets_it(tmp_path: Path) -> None:
    for path, value in describe(Settings()).items():
        assert describe(load({variable_of(path): str(value)}, tmp_path))[path] == value


def test_a_description_shows_no_secret() -> None:
    settings = load(
        {
            "TEXTMILL_KAFKA__SASL_PASSWORD": "canary",
            "TEXTMILL_REDIS__URL": "redis://:canary@host:6379/0",
            "TEXTMILL_DATABASE__URL": "postgresql+psycopg://u:canary@host/name?password=canary",
        },
        Path("/nowhere"),
    )
    description = describe(settings)
    assert "canary" not in str(description)
    assert description["redis.url"] == "redis://:***@host:6379/0"
    assert description["database.url"] == "postgresql+psycopg://u:***@host/name"
    assert description["kafka.group_id"] == "textmill"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://user@host", "redis://user@host"),
        ("redis://user:p@ss:w@host", "redis://user:***@host"),
        ("sqlite:////data/textmill.sqlite3", "sqlite:////data/textmill.sqlite3"),
        ("postgresql://host/name?password=secret", "postgresql://host/name"),
        ("postgresql://host/name?password=sec@ret", "postgresql://***"),
        ("redis://:p?w@host", "redis://***"),
        ("user:secret@host", "***"),
    ],
)
def test_a_masked_url_shows_where_but_not_with_what(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_paths_lie_in_the_data_directory(tmp_path: Path) -> None:
    settings = load({"TEXTMILL_DATA_DIR": "~/mill"}, tmp_path)
    assert settings.directory == Path.home() / "mill"
    assert settings.log_path.parent == settings.directory
    assert settings.database_url == f"sqlite:///{settings.directory}/textmill.sqlite3"
