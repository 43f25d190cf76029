"""Upgrade, way back, a killed pod and the loss of a node, on real kubelets, while deposits arrive.

unshare --net --mount --propagation private python -m tests.rehearsal.releases FOLDER [RATE]

FOLDER holds `images.json` (`make_images`). Writes `outcome.json` into it, phase by phase. `tests/rehearsal/
test_releases.py` prepares the folder, runs this program and judges the outcome.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from deploy.cluster.kubelet import CGROUPS
from deploy.local.demo.client import FHIR
from deploy.local.demo.credentials import ADMINISTRATOR, HOSPITAL, PHARMACIST, PROFESSIONALS, STRUCTURES, session_of
from deploy.local.demo.letter import letter
from deploy.local.demo.polling import is_done
from shared.fhir.cda_deposit import bundle_of_cda
from tests.chaos.checks import check_everything
from tests.chaos.judging import Held
from tests.infra.cluster.images import Images
from tests.infra.cluster.installation import Installation, installation
from tests.infra.cluster.sign_in import Holder, by_activation, by_card, by_provider
from tests.infra.messaging.flow import wait_complete
from tests.infra.platform.commands import run_command, tell
from tests.infra.platform.waiting import eventually
from tests.rehearsal.load import (
    CHANGE_EVERY_S,
    RENEW_EVERY_S,
    Deposits,
    change_rights,
    failures_of,
    prepared_deposits,
)

RATE: Final = 10.0
"""Deposits per second."""
BEFORE_S, AFTER_S = 5.0, 10.0
"""Seconds of load before and after each event."""
LOST: Final = "node-2"
KILLED: Final = ("records-api", "records-worker", "consent-worker", "notify-worker")
NEXT: Final = "next"
PATIENCE_S: Final = 180.0
HOLDERS: Final = 3
Person = tuple[Holder, Held]
Outcome = dict[str, Any]
"""`ways`: who signed in by which way. Each phase: `statuses`, answer -> deposits; `checks`."""


async def play(folder: Path, rate: float) -> Outcome:
    """Plays all phases. Returns the outcome of those that ended, and writes it after each."""
    names = json.loads((folder / "images.json").read_text("utf-8"))
    images = Images(names["current"], names["following"], Path(names["archive"]))
    outcome: Outcome = {"rate": rate}
    began = time.monotonic()

    def note(**phase: Any) -> None:
        outcome.update(phase, seconds=round(time.monotonic() - began))
        (folder / "outcome.json").write_text(json.dumps(outcome, indent=1), "utf-8")
        tell(f"phases so far: {', '.join(outcome)}, {outcome['seconds']} s")

    async with installation(folder, images, tell) as running:
        note(started=round(time.monotonic() - began))
        people, ways = await sign_in(running)
        note(ways=ways)
        async with prepared_deposits(running, folder, rate) as deposits, renewed(running, people):
            since = time.time()
            words = ("apply", "--release", NEXT, "--image", images.following)
            note(upgrade=await rollout(running, deposits, people, words))
            note(way_back=await rollout(running, deposits, people, ("rollback",)))
            note(releases=await checked(running, deposits, since))
            note(killed=await fault(running, deposits, lambda: kill_processes(running)))
            note(lost=await fault(running, deposits, lambda: lose_a_node(running)))
            note(faults=await checked(running, deposits, since))
    return outcome


async def sign_in(running: Installation) -> tuple[list[Person], dict[str, str]]:
    """Signs people in by each way: a pharmacist, a doctor, and holders, each with a document in the record."""
    pharmacist = await by_provider(running.dmp, PROFESSIONALS[PHARMACIST].id)
    doctor = await by_card(running.dmp, running.card)
    people = []
    for _ in range(HOLDERS):
        holder = await by_activation(running.dmp, running.stack.layout, pharmacist)
        people.append((holder, Held(holder.record_id, await document_of(running, holder), {}, {})))
    ways = {"provider": pharmacist.who, "card": doctor.who, "activation": f"{len(people)} holders of records"}
    return people, ways


async def document_of(running: Installation, holder: Holder) -> str:
    """Deposits a document in the holder's record, as a hospital; returns its id once it is published."""
    administrator = session_of(running.dmp, running.credentials, ADMINISTRATOR)

    async def in_force() -> bool:
        path = f"/records/{holder.record_id}"
        answer = await administrator.call("GET", "identity", path, headers={"prefer": "wait=10"})
        return bool(answer.json()["status"] == "in-force")

    await eventually(in_force)
    hospital = session_of(running.dmp, running.credentials, HOSPITAL)
    body = bundle_of_cda(letter(holder.person, STRUCTURES[HOSPITAL]))
    answer = await hospital.call("POST", "records", "/fhir", content=body, headers=FHIR)

    async def published() -> dict[str, Any] | None:
        tracking = (await hospital.call("GET", "records", answer.headers["location"])).json()["documents"][0]
        return tracking if is_done(tracking) else None

    return str((await eventually(published))["document_id"])


@asynccontextmanager
async def renewed(running: Installation, people: Sequence[Person]) -> AsyncIterator[None]:
    """Keeps all tokens valid: the holders' by their refresh tokens, the doctor's by the card."""
    doctor = await by_card(running.dmp, running.card)

    async def renew() -> None:
        for holder, held in people:
            held.patient["authorization"] = f"Bearer {await holder.session.token()}"
            held.doctor["authorization"] = f"Bearer {await doctor.token()}"

    async def renew_for_ever() -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await renew()

    await renew()
    task = asyncio.create_task(renew_for_ever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def rollout(
    running: Installation, deposits: Deposits, people: Sequence[Person], words: tuple[str, ...]
) -> Outcome:
    """Changes the release under load, of which nothing is tried again."""
    over = asyncio.Event()
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        depositing = group.create_task(deposits.run_until(over, persist=False))
        changing = [
            group.create_task(change_rights(running, held, over, number * CHANGE_EVERY_S / len(people)))
            for number, (_, held) in enumerate(people)
        ]
        try:
            await asyncio.sleep(BEFORE_S)
            await running.release(*words)
            await asyncio.sleep(AFTER_S)
        finally:
            over.set()
    results, seen = depositing.result(), [task.result() for task in changing]
    took = sorted(seconds for record in seen for seconds in record.took)
    return {
        "took_s": round(time.monotonic() - began - BEFORE_S - AFTER_S),
        "statuses": Counter(str(result.status) for result in results),
        "problems": [result.problem for result in results if result.status not in (200, 201)][:5],
        "reads": Counter(str(status) for record in seen for _, _, status in record.reads),
        "failed_reads": [status for record in seen for status in failures_of(record)],
        "wrong_reads": [fault for record in seen for fault in record.wrong()],
        "changes": len(took),
        "failed_changes": sum(record.failed for record in seen),
        "changes_waited_twice": sum(record.late for record in seen),
        "longest_change_s": round(took[-1], 2),
        "median_change_s": round(took[len(took) // 2], 3),
    }


async def fault(running: Installation, deposits: Deposits, act: Callable[[], Awaitable[Any]]) -> Outcome:
    """Lets something fail under load, which a client that tries again mends."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        depositing = group.create_task(deposits.run_until(over, persist=True))
        try:
            await asyncio.sleep(BEFORE_S)
            what = await act()
            await asyncio.sleep(AFTER_S)
        finally:
            over.set()
    results = depositing.result()
    return {
        "what": what,
        "statuses": Counter(str(result.status) for result in results),
        "tried_again": sum(result.tries > 1 for result in results),
    }


async def kill_processes(running: Installation) -> list[str]:
    """Kills the process of one pod of each of `KILLED` (SIGKILL), and waits until all are available again."""
    killed = []
    for name in KILLED:
        service, _, component = name.partition("-")
        selector = f"--selector=app.kubernetes.io/name={service},app.kubernetes.io/component={component}"
        pods = await running.cluster.read("pods", "--namespace=dmp", selector)
        pod = next(each for each in pods if not _ends(each))
        identifier = pod["status"]["containerStatuses"][0]["containerID"].partition("//")[2]
        [group] = CGROUPS.glob(f"pids/dmp-node-*/kubepods/*/*/{identifier}")
        for process in (group / "cgroup.procs").read_text().split():
            os.kill(int(process), signal.SIGKILL)
        killed.append(name)
        await restarted(running, pod["metadata"]["name"])
    await available(running)
    return killed


async def restarted(running: Installation, pod: str) -> None:
    """Waits until the kubelet has started the pod's container again."""

    async def look() -> bool:
        text = await running.cluster.kubectl("get", "pod", pod, "--namespace=dmp", "--output=json")
        status = json.loads(text)["status"]["containerStatuses"][0]
        return bool(status["restartCount"] > 0 and status["ready"])

    await eventually(look, seconds=PATIENCE_S)


async def lose_a_node(running: Installation) -> Outcome:
    """Ends a node with all that runs on it; waits until the other node has replaced every pod."""
    began = time.monotonic()
    await running.cluster.lose(LOST)
    tell(f"{LOST} is lost")
    await running.cluster.kubectl("wait", f"node/{LOST}", "--for=condition=Ready=Unknown", "--timeout=120s")
    noticed = time.monotonic() - began

    async def replaced() -> bool:
        pods = await running.cluster.read("pods", "--namespace=dmp", "--selector=app.kubernetes.io/component")
        return not [pod for pod in pods if pod["spec"].get("nodeName") == LOST and not _ends(pod)]

    await eventually(replaced, seconds=PATIENCE_S)
    await available(running)
    return {"node": LOST, "noticed_s": round(noticed), "replaced_s": round(time.monotonic() - began)}


def _ends(pod: Outcome) -> bool:
    return "deletionTimestamp" in pod["metadata"] or pod["status"]["phase"] in ("Succeeded", "Failed")


async def available(running: Installation) -> None:
    """Waits until every process has all its pods."""
    await running.cluster.kubectl(
        "wait", "deployments", "--all", "--namespace=dmp", "--for=condition=Available", f"--timeout={PATIENCE_S:.0f}s"
    )
    for deployment in await running.cluster.read("deployments", "--namespace=dmp"):
        await running.cluster.kubectl(
            "rollout", "status", f"deployment/{deployment['metadata']['name']}", "--namespace=dmp", "--timeout=300s"
        )


async def checked(running: Installation, deposits: Deposits, since: float) -> list[Outcome]:
    """Waits until every document is handled; returns what the databases, the topic and the mails say of all so far."""
    accepted = sum(result.status in (200, 201) for result in deposits.results)
    await wait_complete(running.stack, since, accepted, tell, patience=PATIENCE_S)
    return [asdict(check) for check in await check_everything(running.stack, since, deposits.results)]


def main(arguments: list[str]) -> None:
    """Plays the rehearsal in a folder."""
    folder = Path(arguments[0])
    folder.chmod(0o711)  # PostgreSQL's user must be able to enter
    run_command(play(folder, float(arguments[1]) if len(arguments) > 1 else RATE))


if __name__ == "__main__":
    main(sys.argv[1:])
