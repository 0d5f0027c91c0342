"""Where bulk jobs are handed in: a request from files, tables or standard input, and its way in."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Final, get_args

import msgspec

from producers.bulk.chunk import read
from producers.bulk.condition import parse
from producers.bulk.request import File, Request, check_name, file_at, reuse_of
from producers.bulk.submission import Begun, Progress, Watch, check, submit
from producers.opening import STANDARD_INPUT, Tell
from producers.publisher import Publisher, topic_of
from schemas.errors import DataError, InvalidJobError, UnavailableError, UsageError
from schemas.job import Job
from schemas.model_version import Language
from schemas.settings import Settings
from schemas.task import Task
from workers.assembly import Store, process_name
from workers.bulks.earlier import known_to
from workers.bulks.status import costs_of
from workers.bulks.tables import storable, table_of
from workers.core.eta import Piece, weight
from workers.core.routing import Routing

KEPT: Final = "bulk"
"""Directory in `data_dir` of inputs that are no files of the user's."""
_BLOCK: Final = 1 << 20


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a job would be."""

    rows: int
    documents: int
    reused: int
    reused_earlier: int
    bad: int
    left_out: int
    tokens: int
    predicted_s: float | None
    """On the present workers, with nothing else to do; None where the cost is not known yet."""
    workers: int


def request_of(
    settings: Settings,
    files: Sequence[str],
    tasks: Sequence[str],
    where: Sequence[str],
    **fields: Any,
) -> Request:
    """What these words of a person ask.

    Raises:
        UsageError: they ask nothing that can be done; says what to write.
    """
    named = [part.strip() for words in tasks for part in words.split(",") if part.strip()]
    for each in named:
        topic_of(each, bulk=True)
    if not named or not files:
        raise UsageError("A bulk job needs a file and a task: textmill bulk submit FILE --task T.")
    if "reuse" in fields:
        fields["reuse"] = reuse_of(fields["reuse"])
    asked = {
        "files": [msgspec.to_builtins(_file(settings, name)) for name in files],
        "tasks": list(dict.fromkeys(named)),
        "where": [msgspec.to_builtins(parse(words)) for words in where],
        **fields,
    }
    try:
        return msgspec.convert(asked, Request)
    except msgspec.ValidationError as error:
        raise UsageError(f"A bulk job cannot be like this: {error}.") from None


def hand_in(
    settings: Settings,
    request: Request,
    name: str | None,
    *,
    begun: Callable[[Begun], None] = lambda begun: None,
    watch: Watch = lambda progress: None,
    tell: Tell = lambda text: None,
) -> tuple[Begun, Progress]:
    """Submit a job, or go on with it where an earlier submitter ended.

    Raises:
        UsageError: a job of this name asks something else.
        DataError: a file cannot be read; see `producers.bulk.submission`.
        UnavailableError: log or database do not answer; the same call goes on.
    """
    called = check_name(name) if name else request.name()
    check(request)
    with Store(settings) as store, Publisher(settings) as publisher:
        entered = store.bulks.begin(called, request)
        begun(entered)
        if entered.finished:
            return entered, Progress()
        progress = submit(
            entered,
            request,
            store.bulks,
            publisher,
            wait=time.sleep,
            watch=watch,
            tell=tell,
            known=known_to(store.texts, request, entered),
        )
    return entered, progress


def forecast(settings: Settings, request: Request, tell: Tell) -> Forecast:
    """Read everything and publish nothing."""
    progress, pieces = Progress(), []
    with Store(settings) as store:
        for chunk, _, _ in read(request, "0", tell, known_to(store.texts, request, None)):
            progress.add(chunk)
            pieces.append(Piece(chunk.documents, chunk.tokens))
        versions = {task.value: _version_for(store, request, task) for task in request.tasks}
        costs = costs_of(store, versions)
    workers = present_workers(settings)
    known = [cost for cost in costs if cost is not None]
    whole = sum(weight(pieces, cost) for cost in known) / max(workers, 1)
    return Forecast(
        rows=progress.rows,
        documents=progress.documents,
        reused=progress.reused,
        reused_earlier=progress.reused_earlier,
        bad=progress.bad,
        left_out=progress.left_out,
        tokens=progress.tokens,
        predicted_s=round(whole, 1) if workers and len(known) == len(costs) else None,
        workers=workers,
    )


def present_workers(settings: Settings) -> int:
    """How many workers say that they live; embedded it is one, whenever it is."""
    if not settings.redis.url:
        return 1
    from workers.handover.redis_handover import RedisHandOver

    async def ask() -> int:
        hand_over = RedisHandOver(settings.redis.url, process_name("bulk"))
        try:
            return len(await hand_over.workers())
        finally:
            await hand_over.close()

    with suppress(UnavailableError):
        return asyncio.run(ask())
    return 0


def keep_table(settings: Settings, table: Any) -> Path:
    """A table in memory as a file of ours: whatever speaks Arrow, or rows as mappings.

    Raises:
        UsageError: it is none, or has a column that Parquet cannot hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(table, list):
        made = table_of(table)
    elif hasattr(table, "__arrow_c_stream__"):
        made = storable(pa.table(table))
    else:
        raise UsageError("A bulk job takes files, an Arrow, pandas or Polars table, or rows.")
    with _kept(settings, ".parquet") as (file, _):
        try:
            pq.write_table(made, file)
        except pa.ArrowException as error:
            raise UsageError(f"The table cannot be kept as Parquet: {error}.") from None
        return _settled(settings, file, ".parquet")


def _file(settings: Settings, name: str) -> File:
    if name != STANDARD_INPUT:
        return file_at(Path(name))
    with _kept(settings, "") as (file, _):
        while block := sys.stdin.buffer.read(_BLOCK):
            file.write(block)
        return file_at(_settled(settings, file, ""), ours=True)


@contextmanager
def _kept(settings: Settings, suffix: str) -> Iterator[tuple[IO[bytes], Path]]:
    directory = settings.directory / KEPT
    part = directory / f"{process_name('input')}{suffix}.part"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with part.open("w+b") as file:
            yield file, part
    except OSError as error:
        raise DataError(f"The input cannot be kept in {directory}: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _settled(settings: Settings, file: IO[bytes], suffix: str) -> Path:
    """Give the file the name of its content, so that the same input is the same file again."""
    file.flush()
    file.seek(0)
    digest = blake2b(digest_size=8)
    while block := file.read(_BLOCK):
        digest.update(block)
    path = settings.directory / KEPT / f"{digest.hexdigest()}{suffix}"
    if not path.exists():
        Path(file.name).replace(path)
    return path


def _version_for(store: Store, request: Request, task: Task) -> int | None:
    """The version that would answer the job's documents, by model, language and tenant; of the
    first language that has one where the job says none. None where none would."""
    rollouts = store.rollouts
    routing = Routing(store.registry.versions(), rollouts.snapshot().routes, rollouts.aliases())
    asked = Job(job_id="?", text="?", model=request.model, tenant=request.tenant)
    for lang in (request.lang,) if request.lang else get_args(Language):
        with suppress(InvalidJobError):
            return routing.resolve(task, lang, asked).version.version_id
    return None
