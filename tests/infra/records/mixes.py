"""Fills a record with documents of every sort at once, and returns tokens of possible readers."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson

from services.records.documents.domain import sealed_contents
from services.records.documents.domain.metadata import DocumentMetadata
from services.records.facts.context import ReadContext
from shared.crypto.commitment import record_commitment
from shared.crypto.vault import WrappedKey
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.terminology.documents import document_types
from tests.infra.http.tokens import make_token, patient_token, professional_token, software_token
from tests.infra.platform.databases import fetch_row
from tests.infra.records.records_api import CLINIC, DOCTOR, HOSPITAL, OTHER_DOCTOR, RecordsApi

STATES = (
    ("received", "current", False),
    ("refused", "current", False),
    ("published", "current", False),
    ("published", "current", True),
    ("published", "superseded", False),
    ("published", "deleted", False),
)
LABELS = (
    (("N",), None),
    (("N", "MASQUE_PS"), None),
    (("N", "MASQUE_PS"), "patient"),
    (("N", "INVISIBLE_PATIENT"), None),
    (("N", "INVISIBLE_REPRESENTANTS_LEGAUX"), None),
)
TYPES = ("11488-4", "ATTEST-RESID", "11502-2")
"""A type for every doctor, one for none, and one of the section BIOLOGIE."""
INSERT = """
with inserted as (
insert into documents (bucket, id, record_id, deposit_id, unique_id, fingerprint, status, type, class_code, section,
                       labels, organisation_id, client_id, author_ids, received_at, settled_at, reason, life, archived,
                       masked_by)
select $1, id, $2, $3, case when status = 'refused' then null else decode(md5(id::text), 'hex') end, '\\x00', status,
       type, class_code, section, string_to_array(labels, ' '), organisation_id, 'software-1', array[author],
       $4::timestamptz, case when status = 'received' then null else $4::timestamptz end, 'x', life, archived, masked_by
from jsonb_to_recordset($5::jsonb) as made(id uuid, status text, life text, archived boolean, type text,
  class_code text, section text, labels text, masked_by text, author text, organisation_id text)
returning *
)
insert into document_combinations (bucket, record_id, document_id, combination_id, organisation_id, author_ids)
select bucket, record_id, id,
       combination_of(document_facts(status, life, archived, type, class_code, section, labels, masked_by,
                                     shown_to_representatives, deposited_by, in_secret)),
       organisation_id, author_ids
from inserted"""
INSERT_CONTENTS = """
insert into contents (bucket, document_id, metadata, content) select $1, id, sealed, '\\x00'
from unnest($2::uuid[], $3::bytea[]) as made(id, sealed)"""


@dataclass(frozen=True)
class Sort:
    """The state, labels, type and origin of a document."""

    status: str
    life: str
    archived: bool
    labels: tuple[str, ...]
    masked_by: str | None
    type: str
    author: str
    organisation_id: str


def every_sort() -> Iterator[Sort]:
    """Yields every combination of states, labels, types and origins."""
    makers = ((DOCTOR, HOSPITAL), (OTHER_DOCTOR, CLINIC))
    for state, (labels, masker), kind, maker in itertools.product(STATES, LABELS, TYPES, makers):
        yield Sort(*state, labels, masker, kind, *maker)


async def fill(
    api: RecordsApi, context: ReadContext, record_id: UUID, sorts: list[Sort], metadata: DocumentMetadata
) -> dict[UUID, Sort]:
    """Inserts one document of each sort into the record; returns the sorts by document id."""
    bucket, at = bucket_of(record_id), clock.now()
    row = await fetch_row(api.pool, "select kid, wrapped from record_keys where record_id = $1", record_id)
    key = context.vault.unwrap(record_id, WrappedKey(row["kid"], row["wrapped"]))
    sort_by_id = {clock.new_id(bucket): sort for sort in sorts}
    rows = [
        {
            **sort.__dict__,
            "id": str(id),
            "labels": " ".join(sort.labels),
            "class_code": document_types()[sort.type].class_code,
            "section": document_types()[sort.type].section,
        }
        for id, sort in sort_by_id.items()
    ]
    await api.pool.execute(INSERT, bucket, record_id, clock.new_id(bucket), at, orjson.dumps(rows).decode())
    sealed = [sealed_contents.seal_metadata(key, id, metadata) for id in sort_by_id]
    await api.pool.execute(INSERT_CONTENTS, bucket, list(sort_by_id), sealed)
    return sort_by_id


def in_mode(mode: str, record_id: UUID, professional_id: str = OTHER_DOCTOR, **claims: Any) -> str:
    """Returns a physician's token in an access mode. A token of an emergency has a motive and is for this record."""
    session_id = uuid4()
    emergency = {"motive": "sealed.motive", "emergency_record": record_commitment(session_id, record_id)}
    more: dict[str, Any] = {} if mode == "secret" else emergency
    return make_token(
        "professional", professional_id, profession="G15_10", mode=mode, sid=str(session_id), **more, **claims
    )


def acting(kind: str, person_id: UUID, record_id: UUID) -> str:
    """Returns the token of a person who acts for the holder of a record."""
    return make_token(kind, str(person_id), record_id=record_id)


def application(client_id: str = "app-1") -> str:
    """Returns the token of a referenced application."""
    return make_token("application", client_id)


def requesters(record_id: UUID, proxies: dict[str, UUID]) -> dict[str, str]:
    """Returns name -> token of possible readers. `proxies`: kind -> record id of each person who acts for the
    holder."""
    return {
        "patient": patient_token(record_id),
        "stranger": patient_token(uuid4()),
        **{kind: acting(kind, id, record_id) for kind, id in proxies.items()},
        "representative of nobody": acting("representative", uuid4(), record_id),
        "author": professional_token(DOCTOR),
        "other doctor": professional_token(OTHER_DOCTOR),
        "doctor of the clinic": professional_token("899900000034", organisation_id=CLINIC),
        "unknown doctor": professional_token("899900000042"),
        "pharmacist": professional_token("899900000059", "21"),
        "break-glass": in_mode("bris_de_glace", record_id, "899900000042"),
        "regulation": in_mode("centre_15", record_id, "899900000042"),
        "secret": in_mode("secret", record_id),
        "application": application(),
        "unknown application": application("app-2"),
        "administrator": make_token("administrator", "admin-1"),
    }


def depositors() -> dict[str, str]:
    """Returns tokens of software, which reads its own deposits and cannot search."""
    return {"hospital": software_token("software-1", HOSPITAL), "clinic": software_token("software-1", CLINIC)}
