"""The keyrings of identity, and the columns that `keys rewrap` seals again under the active key.

The fingerprint of an INS is never recomputed, because a person must be found even where the INS itself is no longer
stored (objections, erased records). A key of `ins_hmac` therefore stays in its keyring forever.
"""

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from services.identity.accounts.usecases.refingerprint_identifiers import refingerprint_identifiers
from services.identity.kit.sealed_rows import Keyrings, Sealed, open_row, seal_row
from services.identity.openings.domain import online
from services.identity.people.domain import insured
from services.identity.settings import ImportKeySettings, KeySettings
from shared.crypto.keyring import UNDER_ROW_KEY, Keyring
from shared.db.key_rewrap import KeyPlan, SealedColumn

COLUMNS: Final = (
    ("persons", "id", "key_id", "sealed", "person"),
    ("contacts", "record_id", "key_id", "sealed", "contact"),
    ("accounts", "record_id", "key_id", "sealed", "account"),
    ("accounts", "record_id", "totp_key_id", "totp_sealed", "totp"),
    ("devices", "id", "key_id", "sealed", "device"),
    ("insured", "id", "key_id", "sealed", insured.KIND),
    ("representations", "id", "key_id", "sealed", "representation"),
    ("care_relations", "id", "key_id", "sealed", "care"),
    ("minors", "record_id", "own_key_id", "own_sealed", "contact"),
    ("people_to_call", "record_id", "key_id", "sealed", "people-to-call"),
    ("activation_waves", "id", "key_id", "sealed_key", "activation-wave"),
    ("online_openings", "id", "key_id", "sealed", online.KIND),
)
"""The columns to seal again: table, id column, key-id column, sealed column, and the kind bound to the value.

Challenges and pending sign-ins are omitted: they expire within minutes.
"""
WITHOUT_BUCKET: Final = frozenset({"activation_waves", "online_openings"})


def make_keys(settings: KeySettings | ImportKeySettings) -> KeyPlan:
    """Returns the key plan of the settings' section KEYS__."""
    keyrings = make_keyrings(settings)
    columns = [_column(keyrings.persons, *column) for column in COLUMNS]
    rings = {
        "ins_hmac": keyrings.ins,
        "contacts": keyrings.contacts,
        "people_to_call": keyrings.people_to_call,
        "persons": keyrings.persons,
    }
    return KeyPlan(rings, columns, partial(refingerprint_identifiers, keyrings.persons))


def make_keyrings(settings: KeySettings | ImportKeySettings) -> Keyrings:
    """Returns the keyrings of the settings."""
    return Keyrings(
        ins=Keyring.parse(settings.ins_hmac.get_secret_value()),
        contacts=Keyring.parse(settings.contacts.get_secret_value()),
        people_to_call=Keyring.parse(settings.people_to_call.get_secret_value()),
        persons=Keyring.parse(settings.persons.get_secret_value()),
    )


def _column(persons: Keyring, table: str, id: str, kid: str, sealed: str, kind: str) -> SealedColumn:
    prefix = UNDER_ROW_KEY.hex()
    return SealedColumn(
        ring="persons",
        table=table,
        id=id,
        sealed=sealed,
        kid=kid,
        kind="bytea",
        is_old=f"{kid} <> $1 or substring({sealed} from 1 for {len(UNDER_ROW_KEY)}) <> '\\x{prefix}'::bytea",
        reseal=_make_reseal(persons, kind),
        bucket=table not in WITHOUT_BUCKET,
    )


def _make_reseal(persons: Keyring, kind: str) -> Callable[[UUID, str, bytes], bytes]:
    def reseal(id: UUID, kid: str, sealed: bytes) -> bytes:
        return seal_row(persons, open_row(persons, Sealed(kid, sealed), kind, id), kind, id).data

    return reseal
