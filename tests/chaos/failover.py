"""The primary of PostgreSQL is lost and a standby takes over: no acknowledged deposit is lost, doubled or untraced.

python tests/chaos/failover.py [--deposits 480] [--rate 4] [--records 40] [--keep FOLDER]

All databases stand on three nodes that Patroni keeps; a commit counts once one standby has it. While documents arrive
(`tests/chaos/trial.py`), all processes of the primary's node are killed with SIGKILL. A standby is promoted, and the
services reach it by themselves: their connection strings name the three hosts. The lost node comes back as a standby.
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
from tests.chaos.checks import Check, equal
from tests.chaos.offsets import check_offsets
from tests.chaos.trial import Deadline, Deposits, Keep, Killed, Load, Rate, Records, Trial, run_script, run_trial
from tests.infra.platform.commands import tell
from tests.infra.platform.patroni import NODES, STANDBY, PatroniStack
from tests.infra.platform.waiting import eventually

KILLED_AFTER: Final = 0.25
"""The share of the time of the deposits after which the primary is lost."""
AWAY_S: Final = 15.0
"""Seconds for which the lost node stays away after a standby took over."""
PROMOTED_WITHIN_S, WHOLE_WITHIN_S = 120.0, 120.0


async def lose_primary(stack: PatroniStack, start: float, seconds: float) -> list[Killed]:
    """Kills the primary's node, and starts it again once another node is the primary."""
    await asyncio.sleep(max(0.0, start + KILLED_AFTER * seconds - time.time()))
    lost = await eventually(stack.primary, seconds=PROMOTED_WITHIN_S)

    async def promoted() -> str | None:
        primary = await stack.primary()
        return primary if primary != lost else None

    at = time.time()
    await stack.lose(lost)
    tell(f"killed {lost}, the primary, after {at - start:.1f} s")
    primary = await eventually(promoted, seconds=PROMOTED_WITHIN_S)
    tell(f"{primary} is the primary after {time.time() - at:.1f} s")
    await asyncio.sleep(AWAY_S)
    back = time.time()
    await stack.start_again(lost)
    await eventually(stack.is_whole, seconds=WHOLE_WITHIN_S)
    tell(f"{lost} follows {await stack.primary()} {time.time() - back:.1f} s after its start")
    return [Killed(lost, at - start, time.time() - at)]


async def check(stack: PatroniStack) -> list[Check]:
    """Checks the offsets, and that all nodes follow the one primary."""
    members = await stack.members()
    standbys = [name for name, node in members.items() if node == STANDBY]
    return [*await check_offsets(stack), equal("standbys that may take over", len(NODES) - 1, len(standbys))]


def make_stack(folder: Path, environment: dict[str, str], report: Report) -> PatroniStack:
    """Returns an installation with three PostgreSQL nodes."""
    return PatroniStack(folder, environment=environment, report=report)


def main(
    deposits: Deposits = 480,
    rate: Rate = 4,
    records: Records = 40,
    deadline: Deadline = 480,
    keep: Keep = None,
) -> None:
    """Lose the primary of PostgreSQL while documents arrive."""
    run_trial(Trial("failover", make_stack, lose_primary, check), Load(deposits, rate, records), deadline, keep)


if __name__ == "__main__":
    run_script(main)
