"""A piece of a bulk job's input: documents, repeated texts, bad rows, rows left out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from producers.bulk.repeats import Repeats, digest_of
from producers.bulk.request import Request
from producers.bulk.source import Found, pieces, text_of
from producers.opening import Tell
from producers.parquet import is_parquet, kinds_in
from producers.publisher import Encoded, encode
from producers.rows import value_at
from schemas.errors import DataError, InvalidJobError
from schemas.job import Job

Kind = Literal["string", "int", "float", "bool", "json"]
_KINDS: Final[Mapping[type, Kind]] = {str: "string", int: "int", float: "float", bool: "bool"}
ASCII_A_TOKEN: Final = 4
"""Characters of a token where a text is written with letters."""


class BadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the input that is no document."""

    row: int
    file: str
    line: int
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.detail} ({self.reason})."


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the input, and what became of it."""

    number: int
    rows: int
    documents: int
    bad: tuple[BadRow, ...]
    left_out: int
    tokens: int
    """Of the documents, estimated."""
    reused: dict[int, int]
    """Row, and the row before it that has the same text."""
    reused_earlier: int = 0
    """Rows that have the answer of an earlier job."""


class Asked(NamedTuple):
    """A row whose text has not come before in the job."""

    row: int
    job: Job
    digest: bytes


Known = Callable[[int, Sequence[Asked]], Mapping[int, str]]
"""Of a piece, by its number: the rows that have an earlier job's answer, and that job's id; empty
where the answer was erased since."""


def read(
    request: Request,
    bulk_id: str,
    tell: Tell = lambda text: None,
    known: Known | None = None,
) -> Iterator[tuple[Chunk, Encoded, dict[str, Kind]]]:
    """Each piece with the records of its jobs, and what kinds of values its columns have.

    Args:
        request: what is asked.
        bulk_id: of the job.
        tell: told what a person should know.
        known: asked which rows need not be published; None: all are, whatever is known of them.

    Raises:
        DataError: a file cannot be read, or nothing of its beginning is a document; with
            `on_error` "stop" also for the first bad row.
    """
    repeats = Repeats() if request.reuse else None
    tables: dict[str, dict[str, Kind]] = {}
    number = 0
    try:
        for piece in pieces(request, tell):
            made = _chunk(request, bulk_id, number, piece, repeats, known)
            _check(request, made[0])
            yield *made, _kinds(piece, tables)
            number += 1
    finally:
        if repeats is not None:
            repeats.close()


def job_id_of(bulk_id: str, row: int) -> str:
    """The id of the job of a row: in the order of the rows, and the same each time."""
    return f"{bulk_id}-{row:010}"


def row_of(job_id: str) -> int:
    """The row of a job."""
    return int(job_id.rpartition("-")[2])


def joined(columns: Mapping[str, Kind], more: Mapping[str, Kind]) -> dict[str, Kind]:
    """The kinds of columns of two pieces together."""
    both = {**columns}
    for name, kind in more.items():
        known = both.setdefault(name, kind)
        if known != kind:
            both[name] = "float" if {known, kind} == {"int", "float"} else "json"
    return both


def _chunk(
    request: Request,
    bulk_id: str,
    number: int,
    piece: Sequence[Found],
    repeats: Repeats | None,
    known: Known | None,
) -> tuple[Chunk, Encoded]:
    records: dict[int, tuple[str, bytes]] = {}
    jobs: dict[int, Job] = {}
    bad: list[BadRow] = []
    for one in piece:
        if not _is_wanted(request, one):
            continue
        try:
            job = _job(request, bulk_id, one)
            records[one.row] = encode(job)
            jobs[one.row] = job
        except InvalidJobError as error:
            bad.append(_bad_row(one, error))
    digests = _digests(request, jobs) if repeats or known else {}
    reused = repeats.note(digests) if repeats else {}
    new = {row: job for row, job in jobs.items() if row not in reused}
    asked = [Asked(row, job, digests[row]) for row, job in new.items()] if known else []
    earlier = known(number, asked) if known and asked else {}
    chunk = Chunk(
        number=number,
        rows=len(piece),
        documents=len(new) - len(earlier),
        bad=tuple(bad),
        left_out=len(piece) - len(jobs) - len(bad),
        tokens=sum(tokens_of(job.text) for row, job in new.items() if row not in earlier),
        reused=reused,
        reused_earlier=len(earlier),
    )
    return chunk, [records[row] for row in new if row not in earlier]


def _digests(request: Request, jobs: Mapping[int, Job]) -> dict[int, bytes]:
    tenant, exact = request.tenant, request.exact
    return {row: digest_of(tenant, job.text, exact=exact) for row, job in jobs.items()}


def _is_wanted(request: Request, one: Found) -> bool:
    """Whether `where` takes the row; a bad one is nobody's choice."""
    return one.problem is not None or all(each.holds(one.values) for each in request.where)


def _bad_row(one: Found, error: InvalidJobError) -> BadRow:
    return BadRow(row=one.row, file=one.file, line=one.line, reason=error.reason, detail=str(error))


def _job(request: Request, bulk_id: str, one: Found) -> Job:
    text = text_of(request, one)
    own: dict[str, Any] = {}
    if request.id_column is not None:
        own["id"] = value_at(one.values, request.id_column)
        if own["id"] is None:
            raise InvalidJobError("missing_field", f"`{request.id_column}` is missing")
    return Job(
        job_id=job_id_of(bulk_id, one.row),
        text=text,
        lang=request.lang,
        model=request.model,
        tenant=request.tenant,
        bulk_id=bulk_id,
        metadata=own,
    )


def _check(request: Request, chunk: Chunk) -> None:
    if not chunk.bad:
        return
    first = chunk.bad[0]
    if request.on_error == "stop":
        raise DataError(f"{first} Mend it, or skip such rows with --on-error skip.")
    if chunk.number == 0 and len(chunk.bad) == chunk.rows:
        raise DataError(f"None of the first {chunk.rows} rows is a document; the first: {first}")


def tokens_of(text: str) -> int:
    """A guess at the text's length in tokens, whatever its language."""
    if text.isascii():
        return len(text) // ASCII_A_TOKEN + 1
    signs = (len(text.encode("utf-8", "surrogatepass")) - len(text)) // 2
    return signs + max(len(text) - signs, 0) // ASCII_A_TOKEN + 1


def _type_of(value: object) -> type:
    """Of a number that no column of numbers holds none that has a kind."""
    return object if isinstance(value, int) and not -(2**63) <= value < 2**63 else type(value)


def _kinds(piece: Sequence[Found], tables: dict[str, dict[str, Kind]]) -> dict[str, Kind]:
    """Of the columns of a piece: what its values are, or what a file of Parquet says, which is kept
    in `tables`."""
    kinds: dict[str, Kind] = {}
    for file in dict.fromkeys(one.file for one in piece):
        if is_parquet(file):
            kinds = joined(kinds, tables.get(file) or tables.setdefault(file, kinds_in(file)))
    return joined(kinds, _kinds_of([one for one in piece if one.file not in tables]))


def _kinds_of(rows: Sequence[Found]) -> dict[str, Kind]:
    seen: dict[str, set[type]] = {}
    for one in rows:
        for name, value in one.values.items():
            if value is not None:
                seen.setdefault(name, set()).add(_type_of(value))
            elif name not in seen:
                seen[name] = set()
    kinds: dict[str, Kind] = {}
    for name, types in seen.items():
        for each in types or {str}:
            kinds = joined(kinds, {name: _KINDS.get(each, "json")})
    return kinds
