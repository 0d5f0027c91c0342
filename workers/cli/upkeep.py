"""`textmill models retire …`: versions out of use, and names of one's own."""

from typing import Annotated

import msgspec
import typer

from schemas.errors import UsageError
from workers.cli.operating import Json, Model, actor, opened

app = typer.Typer()


@app.command()
def retire(model: Model, as_json: Json = False) -> None:
    """Let a version answer only jobs that name it with its number.

    Example: textmill models retire topics@1
    """
    from workers.rollout.upkeep import Upkeep

    with opened() as (_, store):
        changed = Upkeep(store.registry, store.rollouts, actor=actor()).retire(model)
    _tell(as_json, f"{model} is retired", changed=changed)


@app.command()
def remove(model: Model, as_json: Json = False) -> None:
    """Forget a version that never answered a job; its files stay where they are.

    Example: textmill models remove topics@4
    """
    from workers.rollout.upkeep import Upkeep

    with opened() as (_, store):
        Upkeep(store.registry, store.rollouts, actor=actor()).remove(model)
    _tell(as_json, f"{model} is removed", changed=True)


@app.command()
def alias(
    model: Annotated[str, typer.Argument(help="One version: `name@3`; to drop: `name`.")],
    name: Annotated[str, typer.Argument(help="A name of your own, as `stable`.")],
    drop: Annotated[bool, typer.Option("--drop", help="Take the name from the model.")] = False,
    as_json: Json = False,
) -> None:
    """Give a version a name by which jobs may ask for it: `"model": "topics@stable"`.

    `live`, `canary` and `shadow` are given by routes and cannot be set.

    Example: textmill models alias topics@3 stable
    """
    from workers.core.lookup import parse_model
    from workers.rollout.upkeep import Upkeep

    with opened() as (_, store):
        keeper = Upkeep(store.registry, store.rollouts, actor=actor())
        title, _number = parse_model(model)
        if drop and not keeper.drop(title, name):
            raise UsageError(f"{title} has no alias `{name}`")
        changed = drop or keeper.name(model, name)
    _tell(as_json, f"{title}@{name} is {'dropped' if drop else model}", changed=changed)


def _tell(as_json: bool, said: str, *, changed: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode({"said": said, "changed": changed}).decode())
    else:
        typer.echo(f"{said}{'' if changed else ', as it was already'}.")
