"""One of three brokers is lost, then another: nothing acknowledged is lost, doubled or untraced.

python tests/chaos/brokers.py [--deposits 480] [--rate 4] [--records 40] [--keep FOLDER]

Topics stand on three brokers; a record counts once two have it. While documents arrive (`tests/chaos/trial.py`), a
broker is killed with SIGKILL and stays away for a while. When it has caught up again, another one is killed likewise.
Afterwards the script waits until all is handled and checks the databases, the topics and the mail folder, and that the
offsets in the databases agree with the topics. Exit code 0 when every check holds.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from deploy.local.platform.supervisor import Report
from tests.chaos.offsets import check_offsets
from tests.chaos.trial import Deadline, Deposits, Keep, Killed, Load, Rate, Records, Trial, run_script, run_trial
from tests.infra.platform.clusters import BROKERS, ClusterStack
from tests.infra.platform.commands import tell
from tests.infra.platform.waiting import eventually

VICTIMS: Final = (BROKERS[1], BROKERS[0])
FIRST_KILL_S: Final = 5.0
AWAY: Final = 0.25
"""The share of the time of the deposits for which each victim is away, and for which it then is back at least."""
CAUGHT_UP_WITHIN_S: Final = 120.0


async def kill_in_turn(stack: ClusterStack, start: float, seconds: float) -> list[Killed]:
    """Kills each victim, and starts it again later; the next one is killed once every broker has every record."""
    killed = []
    for number, name in enumerate(VICTIMS):
        await asyncio.sleep(max(0.0, start + FIRST_KILL_S + 2 * number * AWAY * seconds - time.time()))
        at = time.time()
        await stack.kill(name, restart=False)
        tell(f"killed {name} after {at - start:.1f} s")
        await asyncio.sleep(AWAY * seconds)
        back = time.time()
        await stack.start_again(name)
        await eventually(stack.is_in_sync, seconds=CAUGHT_UP_WITHIN_S)
        tell(f"{name} has caught up after {time.time() - back:.1f} s")
        killed.append(Killed(name, at - start, time.time() - at))
    return killed


def make_stack(folder: Path, environment: dict[str, str], report: Report) -> ClusterStack:
    """Returns an installation with three brokers."""
    return ClusterStack(folder, environment=environment, report=report)


def main(
    deposits: Deposits = 480,
    rate: Rate = 4,
    records: Records = 40,
    deadline: Deadline = 480,
    keep: Keep = None,
) -> None:
    """Lose one of three brokers while documents arrive, then another."""
    run_trial(Trial("brokers", make_stack, kill_in_turn, check_offsets), Load(deposits, rate, records), deadline, keep)


if __name__ == "__main__":
    run_script(main)
