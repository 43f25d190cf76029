"""The cost of rights for a reader: a page of a long record with and without them, and one traced read.

.venv/bin/python tests/benchmarks/reading.py [--documents 5000] [--pages 300] [--reads 1500] [--json FILE]

Everything runs in a temporary folder. A hospital deposits that many letters in one record; their types are then spread
over those of JDV_J66, so that the rules decide many combinations. An authorised doctor requests the page of the 50
newest, then that of the newest care of a rubric, from the API of records and, in turn, from one that checks no rights
(without_rights.py), with equal HTTP, fence, trace and metadata. Then, with the workers stopped, the doctor reads one
document of 20 kB repeatedly: CPU of API and PostgreSQL together, trace included. The preparation is not counted.
"""

import asyncio
import dataclasses
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import httpx2
import orjson
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import print_progress
from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import FHIR, connect
from deploy.local.demo.credentials import DOCTOR, HOSPITAL, PROFESSIONALS, STRUCTURES
from deploy.local.demo.letter import letter
from deploy.local.platform import endpoints
from deploy.local.platform.databases import app_dsn
from deploy.local.platform.probes import answers
from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from shared.fhir.cda_deposit import bundle_of_cda
from shared.terminology.documents import document_types
from tests.e2e.acting import Scene, free_port, set_scene
from tests.infra.platform import costs
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.platform.waiting import eventually

AT_ONCE, READERS = 12, 4
SIZE = 20_000
PLAIN = "records-api-plain"
GOAL_RATIO, GOAL_RUBRIC_RATIO, GOAL_READ_MS = 1.5, 1.3, 2.5
PUBLISHED = "select count(*) from documents where status = 'published' and record_id = $1"
SPREAD = """
update documents d set type = t.type, class_code = t.class_code, section = t.section,
  care_on = d.received_at::date - n.place::integer * 7
from (select id, row_number() over (order by id) % cardinality($2::text[]) + 1 as place from documents
      where record_id = $1) n,
     unnest($2::text[], $3::text[], $4::text[]) with ordinality as t(type, class_code, section, place)
where d.id = n.id and n.place = t.place"""


@dataclass(frozen=True)
class Figures:
    """Milliseconds: medians of a page with and without rights; CPU of one read, API and PostgreSQL."""

    documents: int
    listed: int
    page: float
    plain: float
    rubric_page: float
    rubric_plain: float
    read_api: float
    read_postgres: float
    pace: tuple[float, float]

    @property
    def ratio(self) -> float:
        """The time with rights over the time without."""
        return round(self.page / self.plain, 2)

    @property
    def rubric_ratio(self) -> float:
        """The time of a page of a rubric, newest care first, with rights over the time without."""
        return round(self.rubric_page / self.rubric_plain, 2)

    @property
    def read(self) -> float:
        """The CPU time of one read in milliseconds."""
        return round(self.read_api + self.read_postgres, 2)


async def measure(folder: Path, documents: int, pages: int, reads: int) -> Figures:
    """Starts everything, fills the record, and measures both."""
    async with Stack(folder / "var", report=print_progress) as stack:
        await bootstrap(stack.layout)
        async with (
            connect(endpoints.read(stack.layout)) as dmp,
            httpx2.AsyncClient(timeout=30, trust_env=False) as client,
        ):
            scene = await set_scene(stack, dmp)
            await scene.holder.call(
                "PUT",
                "consent",
                f"/records/{scene.record_id}/authorisations/{PROFESSIONALS[DOCTOR].id}",
                headers={"prefer": "wait=10"},
            )
            read_id = await _deposit_large(scene)
            await _fill(stack, scene, documents)
            doctor = {"authorization": f"Bearer {await dmp.professional(PROFESSIONALS[DOCTOR].id).token()}"}
            before = costs.pace()
            async with _plain(stack) as plain:
                tell("asking for pages")
                urls = (stack.url("records"), plain)
                page, bare, listed = await _pages(client, urls, _of(scene), doctor, pages)
                rubric = {**_of(scene), "rubric": "reports", "_sort": "-period"}
                rubric_page, rubric_bare, _ = await _pages(client, urls, rubric, doctor, pages)
            tell("reading")
            api, postgres = await _reads(stack, client, f"{stack.url('records')}/fhir/Binary/{read_id}", doctor, reads)
            return Figures(
                documents, listed, page, bare, rubric_page, rubric_bare, api, postgres, (before, costs.pace())
            )


async def _deposit_large(scene: Scene) -> str:
    """Deposits a document of 20 kB: the letter, padded by a comment."""
    text = letter(scene.person, STRUCTURES[HOSPITAL])
    at = text.rindex(b"</ClinicalDocument>")
    padded = text[:at] + b"<!--" + b"x" * (SIZE - len(text) - 7) + b"-->" + text[at:]
    answer = await scene.hospital.call("POST", "records", "/fhir", content=bundle_of_cda(padded), headers=FHIR)
    progress = await scene.done(str(answer.headers["location"]))
    return str(progress["document_id"])


async def _fill(stack: Stack, scene: Scene, documents: int) -> None:
    left = iter(range(documents))

    async def deposit() -> None:
        for number in left:
            await scene.deposit()
            if number % 500 == 0:
                tell(f"{number} documents deposited")

    await asyncio.gather(*(deposit() for _ in range(AT_ONCE)))
    connection = await asyncpg.connect(app_dsn(stack.postgres, stack.secrets, "records"))
    try:

        async def published() -> bool:
            return bool(await connection.fetchval(PUBLISHED, scene.record_id) > documents)

        await eventually(published, seconds=120)
        types = document_types().values()
        codes = (
            [document_type.code for document_type in types],
            [document_type.class_code for document_type in types],
            [document_type.section for document_type in types],
        )
        await connection.execute(SPREAD, scene.record_id, *codes)
    finally:
        await connection.close()


@asynccontextmanager
async def _plain(stack: Stack) -> AsyncIterator[str]:
    """Yields the URL of an API without rights, under the supervisor of the stack."""
    spec, port = stack.services.process("records", "api"), free_port()

    async def healthy() -> bool:
        return await answers(port, "/readyz")

    command = (sys.executable, "-m", "tests.benchmarks.without_rights", "api")
    environment = {**spec.environment, "RECORDS_HTTP__PORT": str(port), "RECORDS_METRICS__PORT": "0"}
    await stack.supervisor.start(
        dataclasses.replace(
            spec,
            name=PLAIN,
            command=command,
            log=stack.layout.log(PLAIN),
            healthy=healthy,
            environment=environment,
        )
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await stack.stop(PLAIN)


def _of(scene: Scene) -> dict[str, str]:
    return {"patient": scene.record_id, "status": "current", "_count": "50"}


async def _pages(
    client: httpx2.AsyncClient, urls: tuple[str, str], query: dict[str, str], doctor: dict[str, str], pages: int
) -> tuple[float, float, int]:
    """Returns medians in milliseconds, pages of the two APIs in turn, and the number of documents on the page."""
    took: dict[str, list[float]] = {url: [] for url in urls}
    listed = 0
    for number in range(pages + 20):
        for url in urls:
            started = time.perf_counter()
            answer = await client.post(f"{url}/fhir/DocumentReference/_search", data=query, headers=doctor)
            if number >= 20:
                took[url].append(time.perf_counter() - started)
            listed = len(answer.raise_for_status().json()["entry"])
    page, plain = (round(statistics.median(took[url]) * 1000, 2) for url in urls)
    return page, plain, listed


async def _reads(
    stack: Stack, client: httpx2.AsyncClient, url: str, doctor: dict[str, str], reads: int
) -> tuple[float, float]:
    """Returns the CPU milliseconds of the API and of PostgreSQL for each read."""
    for name in NAMES:
        await stack.stop(f"{name}-worker")
    pids = {"records-api": stack.pids["records-api"], "postgres": stack.pids["postgres"]}
    left = iter(range(reads))

    async def read() -> None:
        for _ in left:
            answer = await client.get(url, headers=doctor)
            assert len(answer.raise_for_status().content) == SIZE

    before = costs.look(pids)
    await asyncio.gather(*(read() for _ in range(READERS)))
    spent = costs.spent(before, costs.look(pids))
    return round(1000 * spent["records-api"] / reads, 2), round(1000 * spent["postgres"] / reads, 2)


def main(
    documents: Annotated[int, typer.Option(help="Documents in the record.", min=60)] = 5000,
    pages: Annotated[int, typer.Option(help="Pages asked for, each way.", min=10)] = 300,
    reads: Annotated[int, typer.Option(help="Reads of one document.", min=10)] = 1500,
    json: Annotated[Path | None, typer.Option(help="Write the figures as JSON here.")] = None,
) -> None:
    """Measure the cost of rights for a reader."""
    figures = run_in_folder("reading", lambda folder: measure(folder, documents, pages, reads))
    table = Table("what", "measured", "goal")
    table.add_row(f"page of {figures.listed} out of {figures.documents}, with rights", f"{figures.page} ms", "")
    table.add_row("the same without rights", f"{figures.plain} ms", "")
    table.add_row("ratio", f"{figures.ratio}", f"<= {GOAL_RATIO}")
    table.add_row("page of a rubric, newest care first, with rights", f"{figures.rubric_page} ms", "")
    table.add_row("the same without rights", f"{figures.rubric_plain} ms", "")
    table.add_row("ratio", f"{figures.rubric_ratio}", f"<= {GOAL_RUBRIC_RATIO}")
    table.add_row("CPU of a traced read of 20 kB: API", f"{figures.read_api} ms", "")
    table.add_row("PostgreSQL", f"{figures.read_postgres} ms", "")
    table.add_row("together", f"{figures.read} ms", f"<= {GOAL_READ_MS} ms")
    console = Console(width=100)
    console.print(table)
    console.print(f"a fixed piece of work took {figures.pace[0]} ms of CPU before and {figures.pace[1]} ms after")
    if json is not None:
        json.write_bytes(orjson.dumps(dataclasses.asdict(figures)))


if __name__ == "__main__":
    typer.run(main)
