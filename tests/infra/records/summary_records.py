"""Records with facts and with versions of the summary sheet, written beside the process that reads documents."""

from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import UUID

from services.records.clinical_facts.domain.codec import encode_block
from services.records.clinical_facts.domain.model import EXTRACTOR_VERSION, ClinicalFact, FactKind, FactSource
from services.records.clinical_facts.domain.sealed_blocks import seal_block
from services.records.clinical_facts.domain.values import Coding, Concept, TextValue
from services.records.summary.domain.signatures import (
    FORMAT,
    SignedBlock,
    SignedLine,
    cited_documents,
    encode_signatures,
)
from shared.crypto.keyring import seal
from shared.crypto.vault import WrappedKey, place
from shared.runtime.clock import bucket_of
from shared.terminology.documents import document_type
from tests.infra.load.documents import Person
from tests.infra.platform.databases import fetch_row
from tests.infra.records.records_api import RecordsApi, a_deposit

CIM_10 = "2.16.840.1.113883.6.3"
SHEET = "60591-5"
INSERT_BLOCK = """
insert into fact_blocks (bucket, record_id, fact_group, document_id, extractor_version, block)
values ($1, $2, 'summary', $3, $4, $5)
on conflict on constraint fact_blocks_pkey do update set block = excluded.block"""
INSERT_VERSION = """
insert into summary_versions (bucket, record_id, document_id, doctor_id, lines) values ($1, $2, $3, $4, $5)"""
_numbers = count(1)


def a_fact(kind: FactKind = FactKind.PROBLEM, code: str | None = None, **members: Any) -> ClinicalFact:
    """Returns a fact about something that no other fact is about."""
    number = next(_numbers)
    name = code or f"Z{number}"
    value = {"value": TextValue("A RhD positif")} if kind is FactKind.BLOOD_GROUP else {}
    implant = {"is_implant": True} if kind is FactKind.DEVICE else {}
    return ClinicalFact(
        id=UUID(int=number << 64),
        kind=kind,
        source=FactSource(f"0/{number}"),
        code=Concept(Coding(name, CIM_10, f"Libellé {name}")),
        **{**value, **implant, **members},
    )


async def publish_facts(
    api: RecordsApi, person: Person, facts: Sequence[ClinicalFact], *, text_only: int = 0, **changed: Any
) -> UUID:
    """Publishes a document of which these facts were read; returns its id."""
    [document] = await api.publish(a_deposit(person, **changed))
    await write_facts(api, document, facts, text_only=text_only)
    return document


async def write_facts(
    api: RecordsApi, document: UUID, facts: Sequence[ClinicalFact], *, text_only: int = 0, state: str = "read"
) -> None:
    """Writes what was read out of a document."""
    record_id, key = await record_key(api, document)
    block = seal_block(key, document, "summary", encode_block(facts, text_only=text_only))
    await api.pool.execute(INSERT_BLOCK, bucket_of(record_id), record_id, document, EXTRACTOR_VERSION, block)
    await api.pool.execute("update documents set facts_state = $2 where id = $1", document, state)


async def sign(api: RecordsApi, person: Person, doctor: str, *lines: SignedLine, **changed: Any) -> UUID:
    """Publishes a version of a doctor's sheet with these lines; returns its id."""
    kind = document_type(SHEET)
    assert kind is not None
    [version] = await api.publish(a_deposit(person, type=kind, **changed))
    record_id, key = await record_key(api, version)
    block = encode_signatures(SignedBlock(FORMAT, "Dr Camille FICTIF", lines))
    sealed = seal(key, block, place("signatures", version))
    await api.pool.execute(INSERT_VERSION, bucket_of(record_id), record_id, version, doctor, sealed)
    await api.pool.execute("update documents set cites = $2 where id = $1", version, cited_documents(lines))
    return version


async def record_key(api: RecordsApi, document: UUID) -> tuple[UUID, bytes]:
    """Returns the record of a document and its data key."""
    row = await fetch_row(
        api.pool,
        "select d.record_id, k.kid, k.wrapped from documents d join record_keys k using (record_id) where d.id = $1",
        document,
    )
    return row["record_id"], api.vault.unwrap(row["record_id"], WrappedKey(row["kid"], row["wrapped"]))
