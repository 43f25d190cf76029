"""What the summary sheet of a long record costs, beside a page of a search, in one run.

python -m tests.benchmarks.summary [--documents 1000] [--facts 5000] [--of-sheet 0.4] [--repeats 40] [--profile]

A record holds that many published documents, each with as many facts; a share of the documents, `--of-sheet`, are
syntheses, whose facts a sheet opens, and the others are reports of a laboratory. The same statements are made by many
documents, as in records of many years. An authorised doctor asks the API of records over ASGI for the sheet and, in
turn, for the page of the 50 newest documents: CPU of this process, which is API and client, trace included;
PostgreSQL's share is stated apart. `--profile` prints where the sheet's CPU goes. Goals: 30 ms, and at most two
statements more than the search.
"""

import cProfile
import pstats
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import typer
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from deploy.local.platform.stack import Stack
from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.values import Concept
from services.records.copies.store.matrices import MatrixCache
from services.records.deposits.domain.submissions import parse_and_check
from services.records.documents.domain.metadata import metadata_of
from services.records.facts.context import ReadContext
from services.records.facts.domain.rules import FactsRules
from shared.db.notifications import SEND
from shared.service.serving import freeze_gc
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.platform import costs
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.platform.databases import Databases
from tests.infra.records.fact_documents import laboratory_report, synthesis
from tests.infra.records.facts import insert_blocks
from tests.infra.records.mixes import Sort, fill
from tests.infra.records.records_api import (
    DOCTOR,
    HOSPITAL,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    bundle_of,
    run_records_api,
)

SOMEBODY = Person(98)
GOAL_MS, GOAL_STATEMENTS = 30.0, 2
PER_BLOCK = 500
"""Documents whose facts are written at once."""


@dataclass(frozen=True)
class Cost:
    """Of one request: milliseconds of CPU here, the median and the least, and in PostgreSQL; and statements."""

    here: float
    least: float
    postgres: float
    statements: int


@dataclass(frozen=True)
class Size:
    """How large the record is. `of_sheet`: the share of documents whose facts a sheet opens."""

    documents: int
    facts: int
    of_sheet: float


@asynccontextmanager
async def a_record(folder: Path, size: Size) -> AsyncIterator[tuple[RecordsApi, UUID, int]]:
    """Yields the API, the record and the process id of PostgreSQL."""
    async with Stack(folder / "var", parts={"postgres"}) as stack:
        databases = Databases(stack.postgres.dsn())
        await databases.prepare()
        database = await databases.new("records")
        async with run_records_api(database) as api:
            api.client.event_hooks = {}
            yield api, await _filled(api, size), stack.pids["postgres"]


async def _filled(api: RecordsApi, size: Size) -> UUID:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, authorised=[OTHER_DOCTOR])
    await api.be_fresh()
    metadata = metadata_of(parse_and_check(bundle_of(a_deposit(SOMEBODY))).documents[0])
    context = ReadContext(api.pool, api.vault, MatrixCache(), FactsRules(timedelta(days=1)))
    syntheses = round(size.documents * size.of_sheet)
    kinds = ["34133-9"] * syntheses + ["11502-2"] * (size.documents - syntheses)
    sorts = [Sort("published", "current", False, ("N",), None, kind, DOCTOR, HOSPITAL) for kind in kinds]
    tell(f"{size.documents} documents")
    made = await fill(api, context, record, sorts, metadata)
    pools = {"34133-9": _facts_in(synthesis(7), "summary"), "11502-2": _facts_in(laboratory_report(44), "results")}
    generator, each = random.Random(98), size.facts // size.documents
    facts = {id: _drawn(id, pools[sort.type], each, generator) for id, sort in made.items()}
    ids = list(facts)
    for start in range(0, len(ids), PER_BLOCK):
        await insert_blocks(api, {id: facts[id] for id in ids[start : start + PER_BLOCK]}, text_only=0)
    await api.pool.execute("analyze")
    return record


def _facts_in(content: bytes, group: str) -> list[ClinicalFact]:
    """Returns the facts of a group, each about something that no other one is about."""
    facts = [fact for fact in extract(content, "text/xml", UUID(int=1)).facts if fact.group == group]
    return [replace(fact, code=_numbered(fact.code, number)) for number, fact in enumerate(facts)]


def _numbered(code: Concept | None, number: int) -> Concept | None:
    if code is None or code.coding is None:
        return code
    return replace(code, coding=replace(code.coding, code=f"{code.coding.code}.{number}"))


def _drawn(document: UUID, facts: Sequence[ClinicalFact], count: int, generator: random.Random) -> list[ClinicalFact]:
    return [
        replace(fact, id=fact_id(document, f"{number}/{fact.source.entry}", fact.kind))
        for number, fact in enumerate(generator.choices(facts, k=count))
    ]


async def measured(request: Callable[[], Awaitable[Any]], repeats: int, postgres: int) -> Cost:
    """Returns the medians of the request's costs."""
    await request()
    counted: list[str] = []
    with _counting(counted):
        await request()
    here = []
    before = costs.look({"postgres": postgres})
    for _ in range(repeats):
        start = time.process_time()
        await request()
        here.append(time.process_time() - start)
    spent = costs.spent(before, costs.look({"postgres": postgres}))
    return Cost(statistics.median(here) * 1000, min(here) * 1000, spent["postgres"] / repeats * 1000, len(counted))


class _counting:  # noqa: N801  # reads as a statement
    """Notes the statements that are sent during a block, without notifications, which follow a request."""

    def __init__(self, counted: list[str]) -> None:
        self._counted = counted
        self._originals: dict[str, Any] = {}

    def __enter__(self) -> None:
        for name in ("fetch", "fetchrow", "fetchval", "execute"):
            original = self._originals[name] = getattr(asyncpg.Connection, name)

            async def count(connection: Any, query: str, *rest: Any, _run: Any = original, **more: Any) -> Any:
                if query != SEND:
                    self._counted.append(query)
                return await _run(connection, query, *rest, **more)

            setattr(asyncpg.Connection, name, count)

    def __exit__(self, *_: object) -> None:
        for name, original in self._originals.items():
            setattr(asyncpg.Connection, name, original)


async def measure(folder: Path, size: Size, repeats: int, *, profiled: bool) -> tuple[dict[str, Cost], int]:
    """Returns the costs of a sheet and of a page of a search, and the number of the sheet's lines."""
    async with a_record(folder, size) as (api, record, postgres):
        freeze_gc()
        headers = bearer(as_doctor(OTHER_DOCTOR))

        async def sheet() -> int:
            answer = await api.client.get(f"/records/{record}/summary", headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.content.count(b'"is_old"')

        async def search() -> None:
            query = {"patient": str(record), "status": "current", "_count": "50"}
            answer = await api.client.get("/fhir/DocumentReference", params=query, headers=headers)
            assert answer.status_code == 200, answer.text

        tell("measuring")
        costs_by_name = {
            "sheet": await measured(sheet, repeats, postgres),
            "search": await measured(search, repeats, postgres),
        }
        if profiled:
            profile = cProfile.Profile()
            profile.enable()
            for _ in range(repeats):
                await sheet()
            profile.disable()
            pstats.Stats(profile).sort_stats("cumtime").print_stats("services|shared", 50)
        return costs_by_name, await sheet()


def main(
    documents: Annotated[int, typer.Option(min=1, help="Documents of the record.")] = 1000,
    facts: Annotated[int, typer.Option(min=1, help="Facts of the record.")] = 5000,
    of_sheet: Annotated[float, typer.Option(min=0, max=1, help="Share of documents that a sheet opens.")] = 0.4,
    repeats: Annotated[int, typer.Option(min=1, help="How often each is asked for.")] = 40,
    profile: Annotated[bool, typer.Option(help="Print where the sheet's CPU goes.")] = False,
) -> None:
    """Measures the summary sheet beside a search. Exits with 1 where a goal is not reached."""
    size = Size(documents, facts, of_sheet)
    result, lines = run_in_folder("summary", lambda folder: measure(folder, size, repeats, profiled=profile))
    table = Table("request", "ms of CPU", "at least", "of PostgreSQL", "statements")
    for name, cost in result.items():
        table.add_row(name, f"{cost.here:.1f}", f"{cost.least:.1f}", f"{cost.postgres:.1f}", str(cost.statements))
    sheet, search = result["sheet"], result["search"]
    console = Console(width=100)
    console.print(table)
    console.print(f"{lines} lines; the sheet over the search: {sheet.here / search.here:.2f}; work: {costs.pace()} ms")
    more = sheet.statements - search.statements
    raise SystemExit(0 if sheet.here <= GOAL_MS and more <= GOAL_STATEMENTS else 1)


if __name__ == "__main__":
    typer.run(main)
