"""`textmill demo`: what the system does, seen in one minute and without a server."""

import asyncio
from typing import TYPE_CHECKING

import msgspec
import typer

from schemas.prediction import Span
from schemas.record import Terminal
from schemas.settings import Settings, load
from schemas.task import Task

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Engine

app = typer.Typer()
ROWS_SHOWN = 6
_COLUMNS = {Task.SUMMARIZATION: ("summary",), Task.TAGGING: ("spans",)}


@app.command()
def demo() -> None:
    """Answer 360 sample texts, Chinese and English, on this machine and show the rows.

    No server is needed: log and database are files in TEXTMILL_DATA_DIR. A second run publishes
    the same jobs again, and doubles nothing.

    Example: textmill demo
    """
    import uvloop
    from rich.console import Console

    from workers.demo import run

    settings = Settings(data_dir=load().data_dir)
    console = Console()
    published = run.publish(settings)
    console.print(f"Published {published} texts to the log at {settings.log_path}")
    uvloop.run(_answer(console, settings, published))
    if _show(console, settings) < published:
        raise typer.Exit(1)


async def _answer(console: "Console", settings: Settings, published: int) -> None:
    from rich.progress import Progress

    from workers.assembly import Store
    from workers.demo import run

    with Store(settings) as store:
        before = await asyncio.to_thread(run.settled, store.engine)
    with Progress(console=console) as progress:
        bar = progress.add_task("loading the models", total=published)

        def advance(done: int) -> None:
            progress.update(bar, description="answering", completed=done)

        await run.answer_all(settings, published, before, advance)


def _show(console: "Console", settings: Settings) -> int:
    """Show rows, totals and ways on; how many of the samples have an answer."""
    from workers.assembly import Store
    from workers.demo import samples

    with Store(settings) as store:
        for source, task in samples.SOURCES:
            texts = {job.job_id: job.text for job in samples.read(source)}
            _show_rows(console, store.engine, f"{source.removesuffix('.jsonl')}", task, texts)
        answered = _show_totals(console, store.engine)
    _show_ways_on(console, settings)
    return answered


def _show_rows(
    console: "Console", engine: "Engine", title: str, task: Task, texts: dict[str, str]
) -> None:
    from rich.table import Table
    from sqlalchemy import bindparam, text

    from workers.demo.samples import DEMO_TENANT

    columns = _COLUMNS.get(task, ("label", "score"))
    query = text(
        f"SELECT job_id, {', '.join(columns)}, model, version FROM {task} "  # noqa: S608  our names
        "WHERE tenant = :tenant AND job_id IN :ids ORDER BY job_id LIMIT :rows"
    ).bindparams(bindparam("ids", expanding=True))
    values = {"tenant": DEMO_TENANT, "ids": list(texts), "rows": ROWS_SHOWN}
    table = Table(title=title, title_justify="left")
    table.add_column("text", no_wrap=True, max_width=max(20, console.width - 52))
    for column in (*columns, "answered by"):
        table.add_column(column, no_wrap=True)
    with engine.connect() as connection:
        for row in connection.execute(query, values):
            excerpt = " ".join(texts[row.job_id].split())
            said = [_shown(getattr(row, column)) for column in columns]
            table.add_row(excerpt, *said, f"{row.model}@{row.version}")
    console.print(table)


def _shown(value: object) -> str:
    """A label as it is, a score short, spans (JSON) as `label text`."""
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, str) and value.startswith("["):
        spans = msgspec.json.decode(value, type=list[Span])
        return ", ".join(f"{span.label} {span.text}" for span in spans)
    return str(value or "")


def _show_totals(console: "Console", engine: "Engine") -> int:
    from sqlalchemy import text

    from workers.demo.samples import DEMO_TENANT

    tenant = {"tenant": DEMO_TENANT}
    endings = text(
        "SELECT state, reason, count(*) AS texts FROM ending WHERE tenant = :tenant "
        "GROUP BY state, reason ORDER BY texts DESC"
    )
    with engine.connect() as connection:
        rows = connection.scalar(text("SELECT count(*) FROM result WHERE tenant = :tenant"), tenant)
        ended = connection.execute(endings, tenant).all()
    again = sum(one.texts for one in ended if one.state == Terminal.DUPLICATE)
    console.print(f"{rows} rows in [bold]result[/bold]; {again} duplicates recognised so far.")
    for one in ended:
        if one.state != Terminal.DUPLICATE:
            console.print(f"{one.texts} texts ended as {one.state}: {one.reason}", style="red")
    return rows or 0


def _show_ways_on(console: "Console", settings: Settings) -> None:
    path = settings.directory / "textmill.sqlite3"
    console.print(f"The database: {path}\n", soft_wrap=True)
    console.print("Ask for more:", style="bold")
    query = (
        "SELECT label, count(*), round(avg(score), 2) FROM sentiment GROUP BY label ORDER BY 2 DESC"
    )
    for line in (
        f'sqlite3 {path} "{query}"',
        "textmill results list --task sentiment --tenant demo",
        "textmill results get demo-sentiment-zh-001 --tenant demo",
    ):
        console.print("  " + line, soft_wrap=True, highlight=False)
