"""Whether the response time reveals what a refusal hides: the time of "nothing here for you", by its reason.

.venv/bin/python tests/benchmarks/timing_side_channel.py [--times 200] [--json FILE]

Everything runs in a temporary folder, workers included. Three professionals (one authorised, one not, one blocked) and
a patient with another record request, repeatedly and in random order, documents that are missing and documents that are
hidden from them. For each pair: medians, the share that missed the first response time, and how well a threshold on the
time tells one from the other (the area under its curve, 0.5 for pure guessing). One request after the other on the
loopback, by a blocking socket, so that no network blurs it.
"""

import asyncio
import dataclasses
import math
import random
import statistics
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import print_progress
from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import JSON_PATCH, MASK, Dmp, Session, connect
from deploy.local.demo.credentials import DOCTOR, PHARMACIST, PROFESSIONALS, SECOND_DOCTOR
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from shared.http.constant_time import RESPONSE_DELAY_S
from tests.e2e.acting import Scene, set_scene
from tests.infra.platform.commands import run_in_folder, tell

DELETE = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
ROUND, WARM_UP = 20, 10
NEAR = 0.05
"""The allowed distance of a distinguisher from one half; with few times, three standard errors."""


@dataclass(frozen=True, eq=False)
class Question:
    """One request; `way` and `who` name the pair, `what` is "missing" or why it is hidden."""

    who: str
    way: str
    what: str
    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """A hidden document compared with a missing one: median in milliseconds, and the share after the first response
    time.

    `auc`: how often the hidden one took longer.
    """

    question: str
    hidden: tuple[float, float]
    missing: tuple[float, float]
    auc: float


async def measure(folder: Path, times: int) -> list[Pair]:
    """Starts everything, sets the scene, and measures all pairs."""
    async with Stack(folder / "var", report=print_progress) as stack:
        await bootstrap(stack.layout)
        async with connect(endpoints.read(stack.layout)) as dmp:
            scene, other = await set_scene(stack, dmp), await set_scene(stack, dmp)
            questions = await _questions(scene)
            asking = _asking(dmp, other)
            took = await _ask_all(stack.url("records"), questions, asking, times)
    return _pairs(questions, took)


def _asking(dmp: Dmp, other: Scene) -> dict[str, Session]:
    names = {"authorised": DOCTOR, "not authorised": SECOND_DOCTOR, "blocked": PHARMACIST}
    sessions = {who: dmp.professional(PROFESSIONALS[name].id) for who, name in names.items()}
    return {**sessions, "another patient": other.holder}


async def _questions(scene: Scene) -> list[Question]:
    """Returns the requests of all callers about a plain, a masked and a deleted document."""
    plain, masked, deleted = [
        str((await scene.done(await scene.deposit()))["document_id"]) for _ in ("plain", "masked", "deleted")
    ]
    record, wait = scene.record_id, {"prefer": "wait=10"}
    for what, name in (("authorisations", DOCTOR), ("blocks", PHARMACIST)):
        path = f"/records/{record}/{what}/{PROFESSIONALS[name].id}"
        await scene.holder.call("PUT", "consent", path, headers=wait)
    for session, id, patch in ((scene.holder, masked, MASK), (scene.hospital, deleted, DELETE)):
        await session.call("PATCH", "records", f"/fhir/DocumentReference/{id}", json=patch, headers=JSON_PATCH)
    questions = []
    for who, hidden in (
        ("authorised", {"masked": masked, "deleted": deleted}),
        ("not authorised", {"refused": plain}),
        ("blocked", {"refused": plain}),
    ):
        documents: dict[str, str | None] = {"missing": None, **hidden}
        for what, document_id in documents.items():
            questions += _of_a_document(who, what, document_id)
        if who != "authorised":
            questions += [_search(who, "missing", str(uuid4())), _search(who, "hidden", record)]
    return [*questions, _what_if("missing", str(uuid4())), _what_if("another's", record)]


def _of_a_document(who: str, what: str, id: str | None) -> list[Question]:
    """Returns the requests about a document. `id` None: one that does not exist."""
    id = id or str(uuid4())
    return [
        Question(who, "Binary", what, "GET", f"/fhir/Binary/{id}"),
        Question(who, "DocumentReference", what, "GET", f"/fhir/DocumentReference/{id}"),
        Question(who, "PATCH", what, "PATCH", f"/fhir/DocumentReference/{id}", orjson.dumps(MASK), JSON_PATCH),
    ]


def _search(who: str, what: str, record: str) -> Question:
    form = urlencode({"patient": record, "status": "current"}).encode()
    return Question(who, "_search", what, "POST", "/fhir/DocumentReference/_search", form, FORM)


def _what_if(what: str, record: str) -> Question:
    return Question("another patient", "what-if", what, "POST", f"/records/{record}/what-if", b"{}", JSON)


async def _ask_all(
    url: str, questions: list[Question], asking: dict[str, Session], times: int
) -> dict[Question, list[float]]:
    """Returns the milliseconds of each request. Every round sends each request ROUND times, mixed, with new tokens."""
    took: dict[Question, list[float]] = {question: [] for question in questions}
    for done in range(-WARM_UP, times, ROUND):
        tokens = {who: await session.token() for who, session in asking.items()}
        order = [question for question in questions for _ in range(WARM_UP if done < 0 else ROUND)]
        random.shuffle(order)
        for question, seconds in await asyncio.to_thread(_round, url, order, tokens):
            if done >= 0:
                took[question].append(seconds * 1000)
        tell(f"{max(done, 0) + ROUND} of {times}")
    return took


def _round(url: str, order: list[Question], tokens: dict[str, str]) -> list[tuple[Question, float]]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    timed = []
    for question in order:
        headers = {**question.headers, "authorization": f"Bearer {tokens[question.who]}"}
        started = time.perf_counter()
        connection.request(question.method, question.path, question.body, headers)
        answer = connection.getresponse()
        body = answer.read()
        timed.append((question, time.perf_counter() - started))
        assert answer.status == 404 or b'"total":0' in body, (question, answer.status, body)
    connection.close()
    return timed


def _pairs(questions: list[Question], took: dict[Question, list[float]]) -> list[Pair]:
    pairs = []
    for question in questions:
        if question.what != "missing":
            [base] = [b for b in questions if (b.who, b.way, b.what) == (question.who, question.way, "missing")]
            name = f"{question.way}, {question.who}: {question.what}"
            pairs.append(Pair(name, _figures(took[question]), _figures(took[base]), _auc(took[question], took[base])))
    return pairs


def _figures(took: list[float]) -> tuple[float, float]:
    """Returns the median, and the share of requests that missed the first response time."""
    return round(statistics.median(took), 2), sum(
        milliseconds > 2000 * RESPONSE_DELAY_S for milliseconds in took
    ) / len(took)


def _auc(hidden: list[float], missing: list[float]) -> float:
    """Returns how often a hidden one takes longer than a missing one, ties counted half (Mann and Whitney)."""
    ranked = sorted(missing)
    wins = sum(bisect_left(ranked, time) + bisect_right(ranked, time) for time in hidden) / 2
    return round(wins / (len(hidden) * len(missing)), 3)


def main(
    times: Annotated[int, typer.Option(help="How often each question is asked.", min=ROUND)] = 200,
    json: Annotated[Path | None, typer.Option(help="Write the figures as JSON here.")] = None,
) -> None:
    """Measure whether response times reveal what a refusal hides."""
    pairs = run_in_folder("timing", lambda folder: measure(folder, times))
    near = max(NEAR, 3 * math.sqrt((2 * times + 1) / 12) / times)
    table = Table("what is asked for", "median, late", "missing", f"AUC, goal {0.5 - near:.2f} to {0.5 + near:.2f}")
    for pair in pairs:
        within = abs(pair.auc - 0.5) <= near
        figures = [f"{median} ms, {late:.1%}" for median, late in (pair.hidden, pair.missing)]
        table.add_row(pair.question, *figures, f"{pair.auc}{'' if within else ' !'}")
    Console(width=110).print(table)
    if json is not None:
        json.write_bytes(orjson.dumps([dataclasses.asdict(pair) for pair in pairs]))
    raise SystemExit(0 if all(abs(pair.auc - 0.5) <= near for pair in pairs) else 1)


if __name__ == "__main__":
    typer.run(main)
