"""`python -m deploy.cluster up FOLDER` starts a test cluster and stays; `down FOLDER` ends it."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy.cluster.cluster import Cluster
from deploy.cluster.programs import ProgramsError
from deploy.local.cli.installation import down
from deploy.local.cli.interruptible import print_line, print_progress, run
from deploy.local.platform.errors import AlreadyRunningError, Interrupted, LocalError, explain

Folder = Annotated[Path, typer.Argument(help="Folder of the cluster: its data, logs and keys.", file_okay=False)]
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def up(folder: Folder) -> None:
    """Start an empty cluster and stay in the foreground; Ctrl-C, or `down` in another terminal, ends it."""
    try:
        run(_up(folder))
    except Interrupted:
        print_line("ended")
    except AlreadyRunningError:
        raise LocalError(f"a cluster runs in {folder} already: `python -m deploy.cluster down {folder}`") from None


@app.command("down")
def end(folder: Folder) -> None:
    """End the cluster that `up` has started in the folder, and wait until it has ended."""
    down(folder)


async def _up(folder: Path) -> None:
    print_line(f"starting in {folder}; the first time, its programs are built, which takes minutes")
    async with Cluster(folder, print_progress) as cluster:
        print_line(f"ready; end with Ctrl-C. export KUBECONFIG={cluster.kubeconfig}")
        await asyncio.Event().wait()


def main() -> None:
    """Runs the command; an error of this machine is printed in one line."""
    try:
        app(prog_name="python -m deploy.cluster")
    except (LocalError, ProgramsError) as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {explain(error)}")


if __name__ == "__main__":
    main()
