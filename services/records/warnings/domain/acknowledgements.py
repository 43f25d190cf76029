"""A warning that a professional acknowledged: what was known of it, and the reason, sealed under the record's key."""

import unicodedata
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from services.records.medicines.domain.interactions import InteractionLevel
from services.records.warnings.domain.warnings import PrescriptionWarning, RuleCode, WarningKind
from services.records.warnings.domain.words import item_and_other
from shared.crypto.keyring import seal, unseal
from shared.crypto.vault import place
from shared.errors import ConflictError, InvalidError
from shared.human_text import has_control_character, without_invisible
from shared.values import RedactedRepr

FORMAT: Final = 1
SHORTEST_REASON, LONGEST_REASON = 10, 500
MOST_AT_ONCE: Final = 50


class ReasonInvalidError(InvalidError):
    """A reason has 10 to 500 characters."""

    code = "reason-invalid"
    french = "Un motif compte de 10 à 500 caractères."


class WarningsChangedError(ConflictError):
    """A warning that you acknowledge is none any more: the record, the tables or the prescription changed. Ask anew."""

    code = "warnings-changed"
    french = (
        "Une alerte que vous écartez n’en est plus une : le dossier, les tables ou l’ordonnance ont changé. "
        "Demandez les alertes de nouveau."
    )


class WarningAcknowledgement(RedactedRepr, Struct, frozen=True, gc=False, kw_only=True):
    """What is kept of an acknowledged warning.

    `item`: the prescribed item by its label; `other`: the other item, or the fact of the record. `table_source`,
    `table_dated_on`: the table of interactions, where it was used. `reason`: in the professional's words.
    """

    warning_id: UUID
    group: UUID
    kind: WarningKind
    rule: RuleCode
    rule_version: str
    item: str
    other: str
    reason: str
    professional_id: str
    fact_ids: tuple[UUID, ...] = ()
    organisation_id: str | None = None
    level: InteractionLevel | None = None
    table_source: str | None = None
    table_dated_on: date | None = None
    is_built_in: bool = False
    format: int = FORMAT


class StoredAcknowledgement(RedactedRepr, Struct, frozen=True, gc=False):
    """An acknowledgement with its place: the document on which the warning rests, None for the prescription alone."""

    id: UUID
    record_id: UUID
    document_id: UUID | None
    acknowledged_at: datetime
    content: WarningAcknowledgement


_DECODER: Final = msgspec.json.Decoder(WarningAcknowledgement)


def checked_reason(reason: str) -> str:
    """Returns a reason without blanks around it. Raises ReasonInvalidError."""
    text = unicodedata.normalize("NFC", without_invisible(reason)).strip()
    is_readable = not has_control_character(text, has_lines=True)
    if not is_readable or not SHORTEST_REASON <= len(text) <= LONGEST_REASON:
        raise ReasonInvalidError
    return text


def acknowledgement_of(
    warning: PrescriptionWarning, reason: str, professional_id: str, organisation_id: str | None
) -> WarningAcknowledgement:
    """Returns what is kept of a warning."""
    item, other = item_and_other(warning, "fr")
    table = warning.rule.table
    return WarningAcknowledgement(
        warning_id=warning.id,
        group=warning.group,
        kind=warning.kind,
        rule=warning.rule.code,
        rule_version=warning.rule.version,
        item=item,
        other=other,
        reason=reason,
        professional_id=professional_id,
        fact_ids=tuple(fact.fact.id for fact in warning.facts),
        organisation_id=organisation_id,
        level=warning.interaction.level if warning.interaction is not None else None,
        table_source=table.source if table is not None else None,
        table_dated_on=table.dated_on if table is not None else None,
        is_built_in=table is not None and table.is_built_in,
    )


def seal_acknowledgement(key: bytes, id: UUID, content: WarningAcknowledgement) -> bytes:
    """Returns an acknowledgement, sealed to its place."""
    return seal(key, msgspec.json.encode(content), place("warning-acknowledgement", id))


def open_acknowledgement(key: bytes, id: UUID, sealed: bytes) -> WarningAcknowledgement:
    """Returns an acknowledgement from its sealed bytes. Raises SealBrokenError."""
    return _DECODER.decode(unseal(key, sealed, place("warning-acknowledgement", id)))
