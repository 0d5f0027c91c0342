"""Files of texts into jobs: formats, ids, bad lines, and the command."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from producers import connection
from producers.cli import app
from producers.files import Defaults, read_jobs
from schemas.errors import DataError, UnavailableError, UsageError
from schemas.job import Job
from schemas.settings import Settings
from workers.log.sqlite import SqliteLog


def jobs_in(path: Path, content: str | bytes, **defaults: Any) -> list[Job]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_jobs(str(path), Defaults(**defaults)))


def test_each_line_of_a_plain_file_is_a_text(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path / "a.txt", "\ufeff你好\r\n\n  {not json}  \nlast", lang="zh")
    assert [job.text for job in jobs] == ["你好", "  {not json}  ", "last"]
    assert {job.lang for job in jobs} == {"zh"}
    assert [job.job_id.split("-")[1] for job in jobs] == ["1", "3", "4"]


def test_a_json_line_says_what_it_says_and_defaults_fill_the_rest(tmp_path: Path) -> None:
    lines = (
        '{"text": "a", "lang": "en", "metadata": {"k": 1}, "unknown": 2}\n'
        '{"v": 1, "job_id": "j2", "text": "b", "deadline": "2030-01-01T00:00:00Z"}\n'
    )
    first, second = jobs_in(
        tmp_path / "a.jsonl", lines, lang="zh", tenant="acme", metadata={"k": 0, "m": 2}
    )
    assert (first.lang, first.tenant, first.metadata) == ("en", "acme", {"k": 1, "m": 2})
    assert (second.job_id, second.lang, second.metadata) == ("j2", "zh", {"k": 0, "m": 2})
    assert second.deadline is not None


@pytest.mark.parametrize("name", ["a", "a.dat"])
def test_the_first_line_tells_the_format_where_the_name_does_not(tmp_path: Path, name: str) -> None:
    assert [job.text for job in jobs_in(tmp_path / name, '\n{"text": "a"}\n')] == ["a"]
    assert [job.text for job in jobs_in(tmp_path / name, 'a\n{"text"\n')] == ["a", '{"text"']


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"text": "a"}\n{"text": "b"}\n')
    assert [job.text for job in jobs_in(tmp_path / "a.jsonl.gz", packed)] == ["a", "b"]
    with pytest.raises(DataError, match=r"a\.jsonl\.gz"):
        jobs_in(tmp_path / "a.jsonl.gz", packed[:-10])


def test_ids_follow_from_file_line_and_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = [job.job_id for job in jobs_in(tmp_path / "a.txt", "x\nx\ny\n")]
    assert len(set(once)) == 3
    grown = [job.job_id for job in jobs_in(tmp_path / "a.txt", "x\nx\ny\nz\n")]
    assert grown[:3] == once
    monkeypatch.chdir(tmp_path)
    assert [job.job_id for job in jobs_in(Path("a.txt"), "x\nx\ny\n")] == once
    (tmp_path / "other").mkdir()
    others = [
        jobs_in(tmp_path / "a.txt", "x\nx\ny\n", model="topic-en@1"),
        jobs_in(tmp_path / "a.txt", "x\nx\ny\n", metadata={"month": 2}),
        jobs_in(tmp_path / "b.txt", "x\nx\ny\n"),
        jobs_in(tmp_path / "other" / "a.txt", "x\nx\ny\n"),
    ]
    ids = [job.job_id for jobs in others for job in jobs]
    assert len({*ids, *once}) == 15


@pytest.mark.parametrize("value", [b"%d" % 2**70, b"[" * 40 + b"]" * 40, b"1e400"])
def test_metadata_that_cannot_be_carried_is_a_bad_line(tmp_path: Path, value: bytes) -> None:
    with pytest.raises(DataError, match="line 1"):
        jobs_in(tmp_path / "a.jsonl", b'{"text": "a", "metadata": {"k": ' + value + b"}}")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "secret"', "not_json"),
        (b'["secret"]', "not_json"),
        (b'{"text": ""}', "empty_text"),
        (b'{"job_id": "secret"}', "missing_field"),
        (b'{"text": "secret", "lang": 7}', "invalid_field"),
        (b'{"text": "x", "lang": "secret"}', "invalid_field"),
        (b'{"text": "x", "metadata": "secret"}', "invalid_field"),
        (b'{"text": "x", "metadata": {"secret": {"v": [' + b"7" * 400 + b"]}}}", "invalid_field"),
        (b'{"text": "secret\\u0000"}', "forbidden_character"),
        (b'{"text": "secret\xff"}', "not_utf8"),
    ],
)
def test_a_bad_line_is_named_but_not_shown(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(DataError, match=rf"a\.jsonl, line 2: .*\({reason}\)") as caught:
        jobs_in(path, b'{"text": "good"}\n' + line + b'\n{"text": "good"}\n')
    assert "secret" not in str(caught.value)
    skipped: list[DataError] = []
    assert len(list(read_jobs(str(path), Defaults(), skipped.append))) == 2
    assert len(skipped) == 1


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        list(read_jobs(str(tmp_path / "none.txt"), Defaults()))


def run(*arguments: str, stdin: bytes = b"") -> tuple[str, str]:
    """What the command prints on standard output and standard error."""
    result = CliRunner().invoke(app, arguments, input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout, result.stderr


@pytest.fixture
def log_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEXTMILL_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def published(directory: Path) -> list[str]:
    log = SqliteLog(Settings(data_dir=str(directory)).log_path)
    log.resume(list(log.poll(0).gained))
    topics = [record.partition.topic for record in log.poll(0).records]
    log.close()
    return sorted(topics)


def test_the_command_publishes_a_file_for_every_task(tmp_path: Path, log_directory: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n")
    out, err = run("--task", "sentiment", "--task", "tagging", "--bulk", str(path))
    assert "Published 2 jobs to textmill.bulk.sentiment, textmill.bulk.tagging." in out
    assert "textmill results list --task sentiment" in out
    assert not err
    assert (
        published(log_directory) == ["textmill.bulk.sentiment"] * 2 + ["textmill.bulk.tagging"] * 2
    )


def test_the_command_reads_standard_input_and_skips_on_request(log_directory: Path) -> None:
    out, err = run("--skip-bad", "-", stdin=b'{"text": "a"}\n{"text": ""}\n')
    assert "Published 1 job to textmill.jobs.classification." in out
    assert "Skipped 1" in err
    assert "standard input, line 2" in err


def test_the_command_says_the_id_that_it_made_up(log_directory: Path) -> None:
    out, _ = run("-", stdin=b"a text\n")
    [job_id] = re.findall(r"Its id: ([0-9a-f]+-1)$", out, re.MULTILINE)
    again, _ = run("-", stdin=b"a text\n")
    assert job_id in again


def test_the_command_prints_all_ids_and_nothing_else_on_request(log_directory: Path) -> None:
    out, err = run("--print-ids", "-", stdin=b'{"text": "a", "job_id": "one"}\n{"text": "b"}\n')
    first, second = out.splitlines()
    assert first == "one"
    assert second.endswith("-2")
    assert "Published 2 jobs" in err
    assert "textmill results list" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "translation", "-"], "the tasks are classification, sentiment"),
        (["--lang", "fr", "-"], "not allowed"),
        (["--model", "No Such", "-"], "not allowed"),
        (["--metadata", "page", "-"], "KEY=VALUE"),
        (["none.txt"], "No such file"),
    ],
)
def test_the_command_refuses_what_cannot_be_meant(
    log_directory: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(*arguments, stdin=b"text\n")


def test_the_command_says_that_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(connection, "BOOTSTRAP_TIMEOUT_MS", 300)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
        run("-", stdin=b"text\n")
