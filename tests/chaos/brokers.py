"""One of three brokers is lost, then another: nothing acknowledged is lost, doubled or untraced.

python tests/chaos/brokers.py [--deposits 800] [--rate 20] [--records 50] [--keep FOLDER]

Starts everything in a temporary folder, with topics on three brokers (a record counts once two have it), and deposits
at the rate like a real pipeline. A broker is killed with SIGKILL and stays away while deposits go on. When it has
caught up again, another one is killed likewise. Afterwards the script waits until all is handled and checks databases,
topics and the mail folder, as `tests/chaos/main_job.py` does. Exit code 0 when every check holds.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import typer
from rich.console import Console

from deploy.local.cli.interruptible import print_progress
from tests.chaos.checks import check_everything
from tests.chaos.main_job import GATHERED, PATIENCE_S, READY_WITHIN_S, Killed, Outcome, hospital_at, show
from tests.infra.messaging.flow import StalledError, wait_complete
from tests.infra.platform.clusters import BROKERS, ClusterStack
from tests.infra.platform.commands import run_command, tell
from tests.infra.records.depositing import Run

VICTIMS: Final = (BROKERS[1], BROKERS[0])
AWAY: Final = 0.25
"""The share of the time for which each victim is away, and for which it then is back."""


async def lose_in_turn(stack: ClusterStack, start: float, seconds: float) -> list[Killed]:
    """Kills each victim and starts it again later."""
    killed = []
    for number, name in enumerate(VICTIMS):
        await asyncio.sleep(max(0.0, start + 2 * number * AWAY * seconds - time.time()))
        at = time.time()
        await stack.kill(name, restart=False)
        tell(f"killed {name} after {at - start:.1f} s")
        await asyncio.sleep(AWAY * seconds)
        back = time.time()
        await stack.start_again(name)
        await stack.wait_ready(name, READY_WITHIN_S)
        tell(f"{name} is back after {time.time() - at:.1f} s")
        killed.append(Killed(name, at - start, time.time() - back))
    return killed


async def play(folder: Path, deposits: int, rate: float, records: int) -> Outcome:
    """Runs everything on a separate stack."""
    async with AsyncExitStack() as resources:
        stack = ClusterStack(folder / "var", environment=GATHERED, report=print_progress)
        await resources.enter_async_context(stack)
        process = await resources.enter_async_context(hospital_at(stack, folder, deposits, records))
        began = time.time()
        start = began + 0.5
        order = Run(f"{stack.url('records')}/fhir", 0, deposits, start, rate, persist=True)
        async with asyncio.TaskGroup() as group:
            losing = group.create_task(lose_in_turn(stack, start, deposits / rate))
            sending = group.create_task(process.run(order, tell))
        results, done = sending.result()
        accepted = [result for result in results if result.status in (200, 201)]
        tell(f"accepted: {len(accepted)} of {deposits}; waiting until all is handled")
        with contextlib.suppress(StalledError):
            await wait_complete(stack, began, len(accepted), tell, patience=PATIENCE_S)
        checks = await check_everything(stack, began, results)
        return Outcome(losing.result(), results, int(done["retries"]), time.time() - start, checks)


def main(
    deposits: Annotated[int, typer.Option(help="How many documents.", min=1)] = 800,
    rate: Annotated[float, typer.Option(help="Deposits per second.", min=0.1)] = 20,
    records: Annotated[int, typer.Option(help="Records that they go to.", min=1)] = 50,
    deadline: Annotated[float, typer.Option(help="Seconds for everything together.", min=10)] = 900,
    keep: Annotated[Path | None, typer.Option(help="Use this folder and leave it (data, logs, mails).")] = None,
) -> None:
    """Lose one of three brokers while documents arrive, then another."""
    with contextlib.ExitStack() as resources:
        folder = keep or Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="dmp-brokers-")))
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # PostgreSQL's user must be able to enter when we are root
        try:
            outcome = run_command(asyncio.wait_for(play(folder, deposits, rate, records), deadline))
        except TimeoutError:
            raise SystemExit(f"error: not done after {deadline:.0f} s") from None
    show(Console(width=110), outcome)
    raise SystemExit(0 if all(check.holds is not False for check in outcome.checks) else 1)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
