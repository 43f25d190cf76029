"""Corrects the telephone numbers of stored contacts, a page at a time, while the service runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg

from services.identity.corrections.domain import (
    Correction,
    corrected_contact,
    corrected_insured,
    corrected_opening,
    corrected_people_to_call,
)
from services.identity.corrections.store import replace_contacts, replace_people_to_call
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings, Sealed, open_row, seal_row
from services.identity.openings.domain import online
from services.identity.people.domain import insured
from services.identity.people.domain.contacts import Contact, seal_contact
from services.identity.relations.domain.emergency_contacts import people_to_call_event, people_to_call_from_json
from shared.contracts.base import Event
from shared.contracts.identity import ContactChanged
from shared.crypto.keyring import KeyUnknownError, SealBrokenError
from shared.db.key_rewrap import Report, Rewrapped, SealedColumn, rewrite_column, update_rows
from shared.db.key_uses import connect
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime.settings import PostgresSettings


@dataclass(frozen=True, slots=True)
class _NewRow:
    """A row to write: its sealed content as it was read, and the corrected plain content."""

    bucket: int
    id: UUID
    sealed: bytes
    corrected: bytes


@dataclass(frozen=True, slots=True)
class _SealedContent:
    """A column of sealed contents that have telephone numbers."""

    column: SealedColumn
    kind: str
    correct: Correction


def _content(table: str, kind: str, correct: Correction, *, id: str = "record_id", prefix: str = "") -> _SealedContent:
    column = SealedColumn(
        ring="persons",
        table=table,
        id=id,
        sealed=f"{prefix}sealed",
        kid=f"{prefix}key_id",
        kind="bytea",
        is_old="$1::text is not null",
        reseal=lambda _id, _kid, sealed: sealed,
        bucket=table != "online_openings",
    )
    return _SealedContent(column, kind, correct)


CONTENTS: Final = (
    _content("online_openings", online.KIND, corrected_opening, id="id"),
    _content("insured", insured.KIND, corrected_insured, id="id"),
    _content("contacts", "contact", corrected_contact),
    _content("minors", "contact", corrected_contact, prefix="own_"),
    _content("people_to_call", "people-to-call", corrected_people_to_call),
)
"""What a contact is copied from comes before the contacts, so that no copy brings an old number back."""


async def correct_telephones(
    postgres: PostgresSettings, keyrings: Keyrings, report: Report = lambda _: None
) -> Sequence[Rewrapped]:
    """Gives stored numbers the country code of their part of France, and returns the results by column: `done` counts
    corrected rows. Changed contacts and people to call are announced again.

    An interrupted run is simply started again: what is corrected stays as it is.
    """
    connection = await connect(postgres, "identity-correct-telephones")
    try:
        return [await _correct_column(connection, keyrings, content, report) for content in CONTENTS]
    finally:
        await connection.close()


async def _correct_column(
    connection: Connection, keyrings: Keyrings, content: _SealedContent, report: Report
) -> Rewrapped:
    make = partial(_corrected, content, keyrings)
    write = partial(_write, connection, keyrings, content)
    return await rewrite_column(connection, content.column, keyrings.persons.active, make, write, report)


def _corrected(
    content: _SealedContent, keyrings: Keyrings, rows: Sequence[asyncpg.Record]
) -> tuple[Rewrapped, list[_NewRow]]:
    """Returns the result for a page, and the rows to write."""
    made: list[_NewRow] = []
    without_key = broken = 0
    for bucket, id, kid, sealed in rows:
        try:
            plain = open_row(keyrings.persons, Sealed(kid, sealed), content.kind, id) if sealed else b""
        except KeyUnknownError:
            without_key += 1
        except SealBrokenError:
            broken += 1
        else:
            corrected = content.correct(plain)
            if corrected is not None:
                made.append(_NewRow(bucket, id, sealed, corrected))
    return Rewrapped(content.column.name, len(made), without_key, broken), made


async def _write(connection: Connection, keyrings: Keyrings, content: _SealedContent, made: Sequence[_NewRow]) -> None:
    rows = []
    for row in made:
        sealed = seal_row(keyrings.persons, row.corrected, content.kind, row.id)
        rows.append((row.bucket, row.id, row.sealed, sealed.data, sealed.key_id))
    match content.column.table:
        case "contacts":
            versions = await replace_contacts(connection, rows)
        case "people_to_call":
            versions = await replace_people_to_call(connection, rows)
        case _:
            await update_rows(connection, content.column, rows)
            return
    changed = [row for row in made if row.id in versions]
    await append(connection, [announce(_event(keyrings, content, row, versions[row.id])) for row in changed])


def _event(keyrings: Keyrings, content: _SealedContent, row: _NewRow, version: int) -> Event:
    if content.column.table == "people_to_call":
        people = people_to_call_from_json(row.corrected)
        return people_to_call_event(keyrings.people_to_call, row.id, version, people)
    sealed = seal_contact(keyrings, row.id, Contact.from_json(row.corrected))
    return ContactChanged(record_id=row.id, version=version, sealed=sealed)
