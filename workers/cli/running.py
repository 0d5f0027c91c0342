"""`textmill serve`, `dispatch` and `work`: the processes that do the job."""

import asyncio
import sys
from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.settings import Settings, load, variable_of
from workers.logs import speak

app = typer.Typer()
_DEVICES = (
    "A worker for each: all (every GPU, else the CPU), gpu:0,1, cpu (one, on all cores), cpu:4 "
    "(one with four cores of its own), cpu:2x4 (two such), cpu:0-3 (these cores); joined by commas."
)


@app.command()
def serve(
    devices: Annotated[
        str, typer.Option("--devices", "--device", help=f"{_DEVICES} Used where Redis is.")
    ] = "cpu",
) -> None:
    """Run everything on this machine until SIGTERM or Ctrl-C.

    Without settings it needs no server: log, hand-over and database live in this process and its
    data directory. With Redis configured it supervises a dispatcher and workers of their own.

    Example: textmill serve
    """
    settings = load()
    speak()
    if settings.redis.url:
        from workers.supervisor import Crew, supervise_all

        sys.exit(supervise_all(settings, Crew(devices=devices)))
    _run_embedded(settings)


@app.command()
def dispatch() -> None:
    """Run a dispatcher: from the job log to the workers over Redis. Start as many as you like.

    Example: textmill dispatch
    """
    settings = load()
    speak()
    _need_redis(settings, "dispatch")
    import uvloop

    from workers.dispatch import dispatch as run

    uvloop.run(run(settings))


@app.command()
def work(
    devices: Annotated[str, typer.Option("--devices", "--device", help=_DEVICES)] = "cpu",
    group: Annotated[
        str, typer.Option(help="Serve the models of this group of `worker.groups`, and no others.")
    ] = "",
    model: Annotated[
        str, typer.Option(help="`null`: answer without any model, to measure the pipeline alone.")
    ] = "",
) -> None:
    """Run a worker pinned to each of these devices; one that dies is started again.

    Example: textmill work --devices gpu:0,1
    """
    settings = load()
    speak()
    _need_redis(settings, "work")
    from workers.supervisor import Crew, supervise_workers

    sys.exit(supervise_workers(settings, Crew(devices=devices, group=group, model=model)))


def _run_embedded(settings: Settings) -> None:
    import uvloop

    from workers.serve import serve as run
    from workers.serve import stop_on_signals

    async def main() -> None:
        stop, ready = asyncio.Event(), asyncio.Event()
        stop_on_signals(stop, ready)

        def greet(_: object) -> None:
            ready.set()
            _greet(settings)

        await run(settings, stop, greet)

    uvloop.run(main())


def _greet(settings: Settings) -> None:
    source = settings.kafka.bootstrap_servers or str(settings.log_path)
    typer.echo(f"textmill serves jobs of {source}; Ctrl-C ends it")
    typer.echo("  answers  each model as soon as it is loaded, as is told below")
    typer.echo("  publish  textmill publish --task sentiment FILE")
    typer.echo("  look     textmill results list --task sentiment")


def _need_redis(settings: Settings, command: str) -> None:
    if not settings.redis.url:
        raise SettingsError(
            f"`textmill {command}` needs {variable_of('redis.url')} "
            "(`make services` starts one); `textmill serve` works without"
        )
