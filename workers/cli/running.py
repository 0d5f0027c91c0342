"""`textmill serve`, `dispatch` and `work`: the processes that do the job."""

import asyncio
import sys
from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.settings import Settings, load, variable_of
from workers.logs import speak

app = typer.Typer()


@app.command()
def serve(
    device: Annotated[
        str, typer.Option(help="cpu, cpu:0-3, gpu:0 or all; used when Redis is configured.")
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
        from workers.supervisor import supervise_all

        sys.exit(supervise_all(settings, device))
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
    device: Annotated[
        str, typer.Option(help="cpu, cpu:0-3, gpu:0, or all for one process per GPU.")
    ] = "cpu",
    model: Annotated[
        str, typer.Option(help="`null`: answer without any model, to measure the pipeline alone.")
    ] = "",
) -> None:
    """Run a worker pinned to a device; it is restarted when it dies.

    Example: textmill work --device gpu:0
    """
    settings = load()
    speak()
    _need_redis(settings, "work")
    from workers.supervisor import supervise_workers

    sys.exit(supervise_workers(settings, device, model))


def _run_embedded(settings: Settings) -> None:
    import uvloop

    from workers.serve import serve as run
    from workers.serve import stop_on_signals

    async def main() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await run(settings, stop, lambda store: _greet(settings))

    uvloop.run(main())


def _greet(settings: Settings) -> None:
    source = settings.kafka.bootstrap_servers or str(settings.log_path)
    typer.echo(f"textmill serves jobs of {source}; Ctrl-C ends it")
    typer.echo("  publish  textmill publish --task sentiment FILE")
    typer.echo("  look     textmill results list --task sentiment")


def _need_redis(settings: Settings, command: str) -> None:
    if not settings.redis.url:
        raise SettingsError(
            f"`textmill {command}` needs {variable_of('redis.url')} "
            "(`make services` starts one); `textmill serve` works without"
        )
