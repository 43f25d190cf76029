"""`dmp demo`: plays the main job, from the start of all processes to their end."""

import time

import typer

from deploy.local.cli.installation import VarOption
from deploy.local.cli.interruptible import print_progress, run
from deploy.local.demo.script import play
from deploy.local.demo.story import Story
from deploy.local.platform import endpoints
from deploy.local.platform.errors import AlreadyRunningError
from deploy.local.platform.lock import holder
from deploy.local.platform.paths import Layout

PURPOSE = "demo"


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(demo)


def demo(var: VarOption) -> None:
    """Play the main job once: a hospital deposits a document; consent check, ledger entry and patient's alert follow.

    Starts everything, prints each step, ends everything. Where `dmp up` runs, it uses that installation and ends
    nothing.

    Exit codes: 0 every step succeeded, 1 a step failed (one line says which), 130 interrupted.

    Example: dmp demo
    """
    layout = Layout(var)
    run(_play_there(layout) if _is_up(layout) else _play_alone(layout))


def _is_up(layout: Layout) -> bool:
    """Returns whether `dmp up` runs here. Raises LocalError if it is still starting, or if another demo runs."""
    pid = holder(layout.lock)
    if pid is None:
        return False
    if endpoints.read(layout).get("purpose") == PURPOSE:
        raise AlreadyRunningError(layout.folder, pid)
    return True


async def _play_alone(layout: Layout) -> None:
    from deploy.local.platform.stack import Stack

    started = time.monotonic()
    typer.echo("starting PostgreSQL, Kafka, a mail catcher and the five services", err=True)
    async with Stack(layout.folder, report=print_progress):
        endpoints.update(layout, purpose=PURPOSE)
        typer.echo(f"all up after {time.monotonic() - started:.1f} s", err=True)
        await _play(layout)
        typer.echo("\nending everything", err=True)
    typer.echo(f"done in {time.monotonic() - started:.1f} s; to keep it running: `make up`", err=True)


async def _play_there(layout: Layout) -> None:
    typer.echo(f"playing on what runs in {layout.folder}", err=True)
    await _play(layout)


async def _play(layout: Layout) -> None:
    story = Story(layout, tell=lambda line: print(line, flush=True))
    await play(story)
    print(f"\nEvery step succeeded; the first mail arrived {story.first_alert_s * 1000:.0f} ms after its deposit.")
