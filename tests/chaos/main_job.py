"""Every process is killed: nothing is lost, doubled or untraced.

python tests/chaos/main_job.py [--deposits 2000] [--rate 40] [--records 200] [--keep FOLDER]

While documents arrive (`tests/chaos/trial.py`), each of the ten service processes is killed with SIGKILL in turn, then
the broker, then PostgreSQL; the supervisor restarts them. Afterwards the script waits until all is handled and checks
the databases, the topics and the mail folder. Exit code 0 when every check holds.
"""

import asyncio
import contextlib
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from deploy.local.platform.supervisor import Report
from tests.chaos.trial import (
    READY_WITHIN_S,
    Deadline,
    Deposits,
    Keep,
    Killed,
    Load,
    Rate,
    Records,
    Trial,
    run_script,
    run_trial,
)
from tests.infra.platform.commands import tell

PROCESSES = tuple(f"{service}-{role}" for service in NAMES for role in ("api", "worker"))
VICTIMS = (*PROCESSES, "kafka", "postgres")
FIRST_KILL_S = 2.0


async def kill_in_turn(stack: Stack, start: float, seconds: float) -> list[Killed]:
    """Kills every victim once, evenly over the time, whether or not the previous one is back."""
    gap = (seconds - FIRST_KILL_S) / len(VICTIMS)
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, name in enumerate(VICTIMS):
            await asyncio.sleep(max(0.0, start + FIRST_KILL_S + number * gap - time.time()))
            tasks.append(group.create_task(_kill(stack, name, start)))
    return [task.result() for task in tasks]


async def _kill(stack: Stack, name: str, start: float) -> Killed:
    with contextlib.suppress(TimeoutError):
        await stack.wait_ready(name, READY_WITHIN_S)
    at = time.time()
    await stack.kill(name)
    tell(f"killed {name} after {at - start:.1f} s")
    try:
        await stack.wait_ready(name, READY_WITHIN_S)
    except TimeoutError:
        return Killed(name, at - start, None)
    return Killed(name, at - start, time.time() - at)


def make_stack(folder: Path, environment: dict[str, str], report: Report) -> Stack:
    """Returns the installation of one machine."""
    return Stack(folder, environment=environment, report=report)


def main(
    deposits: Deposits = 2000,
    rate: Rate = 40,
    records: Records = 200,
    deadline: Deadline = 900,
    keep: Keep = None,
) -> None:
    """Kill every process while documents arrive."""
    run_trial(Trial("chaos", make_stack, kill_in_turn), Load(deposits, rate, records), deadline, keep)


if __name__ == "__main__":
    run_script(main)
