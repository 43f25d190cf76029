"""The pages of records at one address in this process, with an invented record that has a life."""

import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx2
import uvicorn
from fastapi import FastAPI
from msgspec import structs
from playwright.async_api import Browser
from starlette.types import ASGIApp, Receive, Scope, Send

from services.records.app import make_api
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.clinical_facts.domain.values import Coding, Concept, Quantity, QuantityRange, ReferenceRange
from shared.contracts.audit import AccessRecorded
from shared.contracts.page_paths import page_path_of
from shared.fhir import iti65
from shared.fhir.submission import Author, AuthorKind
from shared.http.protocol import LimitedProtocol
from shared.http.tokens import TokenVerifier
from shared.terminology.documents import document_type
from shared.values import NationalProfessionalId, NationalStructureId
from shared.web.session import Holder, Relation, holder_cookie
from tests.infra.http.apis import make
from tests.infra.http.servers import listening
from tests.infra.http.tokens import SETTINGS, TestKeys, make_token
from tests.infra.load.documents import Person
from tests.infra.pages.browser import Tab, tab
from tests.infra.platform.databases import Database
from tests.infra.records.cdas import a_cda
from tests.infra.records.facts import insert_blocks
from tests.infra.records.records_api import DOCTOR, HOSPITAL, RecordsApi, a_deposit, records_api_of, settings_of
from tests.infra.records.results import a_result
from tests.infra.records.summary_records import CIM_10, a_fact, write_facts

HOST = "dmp.localhost"
PROTEIN = "1988-5"
PERSON = Person(4242)
HOLDER = Holder("Camille GRANDCLAIR", "self")
REPORT = (
    "<paragraph>Madame, Monsieur,</paragraph><paragraph>Votre patiente a été hospitalisée du 14 au 18 mars 2026 pour "
    "une <content styleCode='Bold'>pneumopathie</content> d’évolution favorable.</paragraph>"
    "<table border='1'><caption>Traitement de sortie</caption><thead><tr><th>Médicament</th><th>Dose</th>"
    "<th>Durée</th></tr></thead><tbody><tr><td>Amoxicilline</td><td>1 g, 3 fois par jour</td><td>5 jours</td></tr>"
    "<tr><td>Paracétamol</td><td>1 g si douleur</td><td></td></tr></tbody></table>"
    "<list listType='unordered'><item>Consultation dans un mois</item><item>Radiographie de contrôle</item></list>"
)


def a_pdf(words: str = "Ordonnance inventée") -> bytes:
    """Returns a PDF of one page with a line of text."""
    stream = f"BT /F 18 Tf 60 760 Td ({words}) Tj ET".encode("latin-1")
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return body + trailer % (table, len(body))


def a_png(width: int = 240, height: int = 160) -> bytes:
    """Returns an image: a shade that grows from left to right."""
    rows = b"".join(b"\0" + bytes((x * 255 // width) for x in range(width)) for _ in range(height))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def invented(
    type_code: str, title: str, day: str, content: bytes, media_type: str = "application/pdf"
) -> iti65.Deposit:
    """Returns the deposit of a document of that type and day of care, by an invented doctor of an invented hospital."""
    kind, moment = document_type(type_code), datetime.fromisoformat(f"{day}T09:30:00+00:00")
    assert kind is not None
    author = Author(
        AuthorKind.PROFESSIONAL,
        NationalProfessionalId(DOCTOR),
        NationalStructureId(HOSPITAL),
        "G15_10/SM26",
        "Dr Maud ESTREVAL",
        "Hôpital de la Vallée",
    )
    return replace(
        a_deposit(PERSON),
        content=content,
        content_type=media_type,
        type=kind,
        title=title,
        creation=moment.astimezone(UTC),
        period_start=moment,
        authors=(author,),
        unique_id=f"urn:uuid:{uuid4()}",
    )


@dataclass
class Site:
    """The pages at their address, and the API of records behind them."""

    api: RecordsApi
    origin: str
    record_id: UUID
    documents: dict[str, UUID]
    session_id: UUID

    def path(self, rest: str = "documents") -> str:
        """Returns the path of a page of the record."""
        return f"/dossier/{self.record_id}/{rest}"

    def url(self, rest: str = "documents") -> str:
        """Returns the address of a page of the record."""
        return f"{self.origin}{self.path(rest)}"

    def document(self, name: str, rest: str = "") -> str:
        """Returns the address of the page of an invented document."""
        return self.url(f"documents/{self.documents[name]}{rest}")

    def token(self, session_id: UUID | None = None, *, kind: str = "patient", subject: str | None = None) -> str:
        """Returns the access token of the holder, or of another person of the patient side for this record."""
        session = str(session_id or self.session_id)
        return make_token(kind, subject or str(self.record_id), record_id=self.record_id, sid=session)

    def cookies(self, token: str | None = None, relation: Relation = "self") -> list[dict[str, str]]:
        """Returns the cookies of a signed-in browser."""
        holder = holder_cookie(replace(HOLDER, relation=relation))
        own = [
            {"name": "__Host-access", "value": token or self.token(), "path": "/"},
            {"name": "__Secure-holder", "value": holder, "path": f"/dossier/{self.record_id}"},
        ]
        return [{**cookie, "domain": HOST, "secure": True, "httpOnly": True, "sameSite": "Lax"} for cookie in own]  # type: ignore[dict-item]

    @asynccontextmanager
    async def tab(self, browser: Browser, **options: object) -> AsyncIterator[Tab]:
        """Yields a tab of the signed-in holder."""
        async with tab(browser, self.cookies(), **options) as opened:
            yield opened

    async def add(self, name: str, type_code: str, title: str, day: str) -> None:
        """Publishes a further document, a PDF."""
        [self.documents[name]] = await self.api.publish(invented(type_code, title, day, a_pdf()))

    async def entries(self) -> list[tuple[str, str]]:
        """Returns the action and the outcome of all accesses that were announced for the ledger since the last call."""
        accesses: list[AccessRecorded] = await self.api.announced(AccessRecorded)
        await self.api.pool.execute("delete from outbox")
        return [(access.action, access.outcome) for access in accesses]


def _at_one_address(records: FastAPI, audit: FastAPI) -> ASGIApp:
    """Returns an app that gives each request to the service whose page it is for, as the front does."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        page = page_path_of(scope["path"]) if scope["type"] == "http" else None
        await (audit if page is not None and page.service == "audit" else records)(scope, receive, send)

    return served


@asynccontextmanager
async def running_site(database: Database, audit_database: Database) -> AsyncIterator[Site]:
    """Runs the APIs of records and audit with their pages at an address of the loopback, and fills a record."""
    app, audit = make_api(settings_of(database), TestKeys()), make("audit", audit_database)
    config = uvicorn.Config(
        _at_one_address(app, audit), http=LimitedProtocol, ws="none", log_config=None, lifespan="on"
    )
    async with (
        audit.router.lifespan_context(audit),
        listening(config) as port,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://records.test") as client,
    ):
        audit.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        api = records_api_of(app, client)
        await api.be_fresh()
        record_id = await api.open_record(PERSON)
        site = Site(api, f"http://{HOST}:{port}", record_id, {}, uuid4())
        site.documents = await _fill(api)
        await insert_blocks(api, {site.documents["laboratory"]: _results()}, text_only=0)
        await write_facts(api, site.documents["consultation"], _health())
        await site.entries()
        yield site


def _health() -> list[ClinicalFact]:
    """Returns an allergy, a treatment, a problem and a vaccination, as a document states them."""
    words = {
        FactKind.ALLERGY: "Pénicilline",
        FactKind.TREATMENT: "Bisoprolol 2,5 mg, un comprimé le matin",
        FactKind.PROBLEM: "Hypertension artérielle",
        FactKind.VACCINATION: "Grippe saisonnière",
    }
    return [
        structs.replace(a_fact(kind), code=Concept(Coding(f"Z{number}", CIM_10, label)))
        for number, (kind, label) in enumerate(words.items())
    ]


def _results() -> list[ClinicalFact]:
    """Returns five haemoglobins of one laboratory with its range, two below it, and a C-reactive protein as a bound."""
    bounds = QuantityRange(Quantity("12.0", "g/dL"), Quantity("16.0", "g/dL"))
    ranges = (ReferenceRange(bounds),)
    values = (("13.1", "2025-03-02"), ("12.6", "2025-09-10"), ("11.4", "2026-01-20"), ("11.8", "2026-03-01"))
    results = [a_result(value, "g/dL", at, ranges=ranges) for value, at in (*values, ("12.9", "2026-03-14"))]
    protein = a_result(Quantity("5.0", "mg/L", "<"), at="2026-03-14", code=PROTEIN)
    return [result.fact for result in (*results, protein)]


async def _fill(api: RecordsApi) -> dict[str, UUID]:
    letter_id = uuid4()
    letter = a_cda(PERSON, letter_id, type="11490-0", text=REPORT)
    pdf = a_pdf()
    deposits = {
        "letter": replace(
            invented("11490-0", "Lettre de liaison, pneumologie", "2026-03-18", letter, "text/xml"),
            unique_id=f"urn:uuid:{letter_id}",
        ),
        "prescription": invented("57833-6", "Ordonnance : traitement de sortie", "2026-03-18", pdf),
        "picture": invented("18748-4", "Radiographie du thorax", "2026-03-15", a_png(), "image/png"),
        "laboratory": invented("11502-2", "Bilan sanguin : numération et CRP", "2026-03-14", pdf),
        "consultation": invented(
            "11488-4", "Consultation de cardiologie", "2025-11-04", b"Auscultation normale.\n" * 9, "text/plain"
        ),
        "vaccines": invented("11369-6", "Historique des vaccinations", "2025-09-20", pdf),
        "operation": invented("34874-8", "Compte rendu opératoire : hernie inguinale droite", "2024-06-11", pdf),
        "certificate": invented("89601-9", "Aptitude au sport, saison 2024", "2024-01-08", pdf),
    }
    ids = await api.publish(*deposits.values())
    return dict(zip(deposits, ids, strict=True))
