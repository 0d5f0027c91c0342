"""`textmill models activate …`: which version answers what, changed while it runs."""

from typing import Annotated

import typer

from workers.cli.operating import (
    Force,
    Json,
    LangOption,
    Model,
    Patience,
    TaskOption,
    TenantOption,
    Wait,
    run,
    scope,
)

app = typer.Typer()
PATIENCE_S = 300.0


@app.command()
def activate(
    model: Model,
    task: TaskOption = None,
    lang: LangOption = None,
    tenant: TenantOption = "",
    force: Force = False,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place", help="Where memory does not hold both: batches wait for the load."
        ),
    ] = False,
    wait: Wait = True,
    timeout: Patience = PATIENCE_S,
    as_json: Json = False,
) -> None:
    """Let a version answer its tasks and languages, once every worker has it loaded and warm.

    Until then, and if any worker cannot load it, the version before answers on.

    Example: textmill models activate topics@3
    """
    meant = scope(task, lang, tenant)
    run(
        lambda operator: operator.activate(
            model, meant, force=force, mode="resource" if in_place else "availability"
        ),
        wait=wait,
        patience_s=timeout,
        as_json=as_json,
    )


@app.command()
def canary(
    model: Model,
    weight: Annotated[float, typer.Option(min=0, max=1, help="Share of the jobs; 0: none.")],
    task: TaskOption = None,
    lang: LangOption = None,
    tenant: TenantOption = "",
    force: Force = False,
    wait: Wait = True,
    timeout: Patience = PATIENCE_S,
    as_json: Json = False,
) -> None:
    """Let a version answer a share of the jobs, always the same ones; the rows say so in `arm`.

    Example: textmill models canary topics@3 --weight 0.05
    """
    meant = scope(task, lang, tenant)
    run(
        lambda operator: operator.canary(model, weight, meant, force=force),
        wait=wait,
        patience_s=timeout,
        as_json=as_json,
    )


@app.command()
def shadow(
    model: Model,
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share of the jobs; 0: none.")],
    task: TaskOption = None,
    lang: LangOption = None,
    tenant: TenantOption = "",
    force: Force = False,
    wait: Wait = True,
    timeout: Patience = PATIENCE_S,
    as_json: Json = False,
) -> None:
    """Let a version compute a share of the jobs beside the live one; nobody gets its answers.

    Example: textmill models shadow topics@3 --sample 0.1
    """
    meant = scope(task, lang, tenant)
    run(
        lambda operator: operator.shadow(model, sample, meant, force=force),
        wait=wait,
        patience_s=timeout,
        as_json=as_json,
    )


@app.command()
def promote(
    model: Model,
    task: TaskOption = None,
    lang: LangOption = None,
    tenant: TenantOption = "",
    wait: Wait = True,
    timeout: Patience = PATIENCE_S,
    as_json: Json = False,
) -> None:
    """Let a canary answer everything.

    Example: textmill models promote topics@3
    """
    meant = scope(task, lang, tenant)
    run(
        lambda operator: operator.promote(model, meant),
        wait=wait,
        patience_s=timeout,
        as_json=as_json,
    )


@app.command()
def rollback(
    model: Model,
    task: TaskOption = None,
    lang: LangOption = None,
    tenant: TenantOption = "",
    wait: Wait = True,
    timeout: Patience = PATIENCE_S,
    as_json: Json = False,
) -> None:
    """Take back what was done last: a deployment under way, a canary, or the live version.

    The version that was live before answers again, once every worker has it.

    Example: textmill models rollback topics
    """
    meant = scope(task, lang, tenant)
    run(
        lambda operator: operator.rollback(model, meant),
        wait=wait,
        patience_s=timeout,
        as_json=as_json,
    )


@app.command()
def pin(
    model: Model,
    task: TaskOption = None,
    lang: LangOption = None,
    tenant: TenantOption = "",
    as_json: Json = False,
) -> None:
    """Let nothing be promoted or taken back by itself where a version is live.

    Example: textmill models pin topics@3
    """
    _pin(model, task, lang, tenant, as_json, pinned=True)


@app.command()
def unpin(
    model: Model,
    task: TaskOption = None,
    lang: LangOption = None,
    tenant: TenantOption = "",
    as_json: Json = False,
) -> None:
    """Lift a pin.

    Example: textmill models unpin topics@3
    """
    _pin(model, task, lang, tenant, as_json, pinned=False)


def _pin(
    model: str,
    task: TaskOption,
    lang: LangOption,
    tenant: str,
    as_json: bool,
    *,
    pinned: bool,
) -> None:
    meant = scope(task, lang, tenant)
    run(
        lambda operator: operator.pin(model, meant, pinned=pinned),
        wait=False,
        patience_s=PATIENCE_S,
        as_json=as_json,
    )
