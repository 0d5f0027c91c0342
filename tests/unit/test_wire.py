"""Whatever the bytes are, `decode` gives a job or one refusal with a known reason."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import wire
from schemas.batch import encode as pack
from schemas.errors import InvalidJobError
from schemas.job import Job

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
).filter(lambda text: not text.isspace())
NUMBER = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
JOBS = st.builds(
    Job,
    job_id=TEXT,
    text=TEXT,
    lang=st.sampled_from([None, "zh", "en"]),
    model=st.sampled_from([None, "topic-zh", "mood@3"]),
    context=st.lists(TEXT, max_size=3).map(tuple),
    deadline=st.none() | st.datetimes(timezones=st.just(UTC)),
    tenant=TEXT,
    bulk_id=st.none() | TEXT,
    metadata=st.dictionaries(TEXT, JSON, max_size=3),
)


def document(**fields: Any) -> bytes:
    return json.dumps({"job_id": "a", "text": "good", **fields}).encode()


def with_metadata(raw: bytes) -> bytes:
    return b'{"job_id":"a","text":"good","metadata":{"n":' + raw + b"}}"


REFUSED = {
    "nothing": (None, "empty_record"),
    "no bytes": (b"", "empty_record"),
    "white space": (b"  ", "not_json"),
    "half a document": (b'{"job_id":', "not_json"),
    "two documents": (document() + document(), "not_json"),
    "an array": (b"[]", "not_json"),
    "null": (b"null", "not_json"),
    "Latin-1": ('{"job_id":"a","text":"é"}'.encode("latin-1"), "not_utf8"),
    "UTF-16 with its mark": (document().decode().encode("utf-16"), "not_utf8"),
    "UTF-16 without a mark": (document().decode().encode("utf-16-le"), "not_json"),
    "a byte order mark": (b"\xef\xbb\xbf" + document(), "not_json"),
    "a surrogate in UTF-8": (b'{"job_id":"a","text":"\xed\xa0\x80"}', "not_utf8"),
    "half a surrogate pair": (b'{"job_id":"a","text":"\\ud83d"}', "forbidden_character"),
    "NUL in the text": (document(text="a\0b"), "forbidden_character"),
    "NUL in a key": (document(metadata={"\0": 1}), "forbidden_character"),
    "NUL in the context": (document(context=["a\0"]), "forbidden_character"),
    "a raw NUL": (b'{"job_id":"a","text":"\0"}', "not_json"),
    "no text": (b'{"job_id":"a"}', "missing_field"),
    "no job_id": (b'{"text":"a"}', "missing_field"),
    "an empty text": (document(text=""), "empty_text"),
    "a blank text": (document(text=" \n\u3000"), "empty_text"),
    "5 MB of text": (document(text="x" * 5_000_000), "text_too_large"),
    "just too much Chinese": (document(text="中" * (2**20 // 3 + 1)), "text_too_large"),
    "9 MB of context": (document(context=["x" * 9_000_000]), "record_too_large"),
    "a number for an id": (document(job_id=3), "invalid_field"),
    "an empty id": (document(job_id=""), "invalid_field"),
    "a long id": (document(job_id="x" * 201), "invalid_field"),
    "an unknown language": (document(lang="fr"), "invalid_field"),
    "a model with a path": (document(model="../mood"), "invalid_field"),
    "a deadline without a zone": (document(deadline="2024-01-01T00:00:00"), "invalid_field"),
    "a deadline before year 1": (document(deadline="0001-01-01T00:00:00+23:59"), "invalid_field"),
    "a deadline after 9999": (document(deadline="9999-12-31T23:59:59-23:59"), "invalid_field"),
    "another version": (document(v=2), "unsupported_version"),
    "a version in quotes": (document(v="1"), "unsupported_version"),
    "NaN": (with_metadata(b"NaN"), "not_json"),
    "Infinity": (with_metadata(b"-Infinity"), "not_json"),
    "1e400": (with_metadata(b"1e400"), "invalid_field"),
    "2**70": (with_metadata(b"%d" % 2**70), "invalid_field"),
    "-2**63 - 1": (with_metadata(b"%d" % (-(2**63) - 1)), "invalid_field"),
    "five thousand digits": (with_metadata(b"9" * 5000), "invalid_field"),
    "33 levels": (with_metadata(b"[" * 32 + b"]" * 32), "too_deep"),
    "100,000 levels": (with_metadata(b"[" * 100_000 + b"]" * 100_000), "too_deep"),
    "100,000 levels in an unknown key": (
        b'{"job_id":"a","text":"b","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "too_deep",
    ),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_job_is_refused_with_its_reason(content: bytes | None, reason: str) -> None:
    with pytest.raises(InvalidJobError) as refusal:
        wire.decode(content)
    assert refusal.value.reason == reason
    assert reason in wire.REASONS


ACCEPTED = {
    "emoji by escapes": (b'{"job_id":"a","text":"\\ud83d\\ude00"}', {"text": "😀"}),
    "the last of two keys": (b'{"job_id":"a","text":"b","text":"c"}', {"text": "c"}),
    "an unknown key": (document(colour="red"), {"text": "good"}),
    "a megabyte": (document(text="x" * 2**20), {"text": "x" * 2**20}),
    "a megabyte, all escaped": (
        b'{"job_id":"a","text":"' + b"\\u0041" * 2**20 + b'"}',
        {"text": "A" * 2**20},
    ),
    "31 levels": (with_metadata(b"[" * 31 + b"]" * 31), {}),
    "2**64 - 1": (with_metadata(b"%d" % (2**64 - 1)), {"metadata": {"n": 2**64 - 1}}),
    "the last second": (
        document(deadline="9999-12-31T23:59:59Z"),
        {"deadline": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)},
    ),
}


@pytest.mark.parametrize(("content", "fields"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_is_unusual_but_right_is_accepted(content: bytes, fields: dict[str, Any]) -> None:
    job = wire.decode(content)
    assert {name: getattr(job, name) for name in fields} == fields


@given(JOBS)
def test_a_job_survives_the_way_there_and_back(job: Job) -> None:
    assert wire.decode(wire.encode(job)) == job


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b'{"job_id":"\\udc00"')
def test_any_bytes_give_a_job_or_a_refusal(content: bytes) -> None:
    decode_somehow(content)


@given(
    st.dictionaries(
        st.sampled_from([*Job.__struct_fields__, "other"]),
        JSON | st.floats() | st.integers() | st.datetimes().map(str),
    )
)
def test_any_json_object_gives_a_job_or_a_refusal(fields: dict[str, Any]) -> None:
    decode_somehow(json.dumps({"job_id": "a", "text": "b", **fields}).encode())


@given(JOBS, st.integers(0, 400), st.binary(max_size=4))
def test_a_damaged_job_gives_a_job_or_a_refusal(job: Job, at: int, noise: bytes) -> None:
    content = wire.encode(job)
    decode_somehow(content[:at] + noise + content[at + len(noise) :])


@pytest.mark.parametrize("depth", [900, 980, 985, 988, 990, 991, 992, 995, 1000, 1100])
@pytest.mark.parametrize("fault", [b"NaN", b'"\\ud800"'])
def test_a_fault_near_the_limit_of_recursion_is_no_crash(depth: int, fault: bytes) -> None:
    nested = b"[" * depth + b"]" * depth
    decode_somehow(b'{"job_id":"a","text":"b","x":' + fault + b',"y":' + nested + b"}")


def decode_somehow(content: bytes) -> None:
    try:
        job = wire.decode(content)
    except InvalidJobError as refusal:
        wire.REASONS[refusal.reason]
    else:
        assert wire.decode(wire.encode(job)) == job
        pack(job)


def test_a_refusal_does_not_quote_the_text() -> None:
    with pytest.raises(InvalidJobError) as refusal:
        wire.decode(document(text="canary", job_id=["canary"]))
    assert "canary" not in str(refusal.value)


FAULTY: dict[str, Any] = {
    "lang": "canary",
    "v": "canary",
    "model": "A canary!",
    "deadline": "canary",
    "context": [["canary"]],
    "tenant": {"canary": "canary"},
    "metadata": ["canary"],
    "job_id": "canary" * 50,
    "bulk_id": "canary" * 50,
}


@pytest.mark.parametrize("field", FAULTY)
def test_a_refusal_names_the_field_and_never_its_value(field: str) -> None:
    with pytest.raises(InvalidJobError) as refusal:
        wire.decode(document(**{field: FAULTY[field]}))
    assert "canary" not in str(refusal.value)
    assert f"$.{field}" in str(refusal.value) or field == "v"


def test_a_number_beyond_what_can_be_kept_is_not_shown() -> None:
    with pytest.raises(InvalidJobError) as refusal:
        wire.decode(with_metadata(b"7" * 400))
    assert "777" not in str(refusal.value)


def test_an_encoded_job_says_its_version_and_leaves_defaults_out() -> None:
    assert wire.encode(Job(job_id="a", text="b")) == b'{"v":1,"job_id":"a","text":"b"}'


def test_the_payload_digest_is_about_the_question_not_about_its_envelope() -> None:
    job = Job(job_id="a", text="good")
    same = msgspec.structs.replace(job, job_id="b", tenant="t", metadata={"a": 1}, bulk_id="x")
    assert wire.payload_digest(job) == wire.payload_digest(same)


@pytest.mark.parametrize(
    "change", [{"text": "bad"}, {"lang": "en"}, {"model": "mood"}, {"context": ("before",)}]
)
def test_another_question_has_another_digest(change: dict[str, Any]) -> None:
    job = Job(job_id="a", text="good")
    other = msgspec.structs.replace(job, **change)
    assert wire.payload_digest(job) != wire.payload_digest(other)


def test_a_deadline_is_the_same_moment_in_any_zone() -> None:
    zone = timezone(timedelta(hours=8))
    job = wire.decode(document(deadline="2024-01-01T08:00:00+08:00"))
    assert job.deadline == datetime(2024, 1, 1, 8, tzinfo=zone) == datetime(2024, 1, 1, tzinfo=UTC)


def test_the_published_schema_requires_what_the_decoder_requires() -> None:
    schema = wire.json_schema()
    assert set(schema["required"]) == {"job_id", "text"}
    assert set(schema["properties"]) == set(Job.__struct_fields__)
