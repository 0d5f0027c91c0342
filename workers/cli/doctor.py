"""`textmill doctor`: is everything there?"""

import typer

from schemas.settings import load

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Check settings, services, schema and models; say what is missing and how to get it.

    Example: textmill doctor
    """
    from workers.doctor import examine

    sound = True
    for finding in examine(load()):
        sound &= finding.ok
        typer.echo(f"{'ok   ' if finding.ok else 'MEND '} {finding.subject:15} {finding.text}")
    if not sound:
        raise typer.Exit(1)
