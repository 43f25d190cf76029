"""The keys of notify: its keyring, and the columns that `keys rewrap` encrypts again."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from services.notify.kit.store import refuse_unbound
from services.notify.settings import KeysSettings
from shared.contracts.base import sealed_place
from shared.crypto.keyring import Keyring
from shared.db.key_rewrap import KeyPlan, SealedColumn

IS_OLD: Final = """
case when header_of_jwe(sealed) ->> 'cty' is null then exists (select from unbound_seals)
     else header_of_jwe(sealed) ->> 'kid' is distinct from $1 end"""


def make_keys(settings: KeysSettings) -> KeyPlan:
    """Returns the key plan of notify, from the section KEYS__ of the settings.

    A rewrap binds the contacts and messages of former releases to their rows; after it, unbound ones are refused.
    """
    ring = Keyring.parse(settings.contacts.get_secret_value())
    columns = (
        SealedColumn(
            ring="contacts",
            table=table,
            id=id,
            sealed="sealed",
            kid=None,
            kind="text",
            is_old=IS_OLD,
            reseal=_resealer(ring, kind),
            bucket=bucket,
        )
        for table, id, kind, bucket in (
            ("contacts", "record_id", "contact", False),
            ("messages", "request_id", "request", True),
        )
    )
    return KeyPlan({"contacts": ring}, tuple(columns), refuse_unbound)


def _resealer(ring: Keyring, kind: str) -> Callable[[UUID, str, str], str]:
    """Returns a function that encrypts a value again. It accepts unbound values: IS_OLD selects them where allowed."""

    def reseal(id: UUID, _: str, sealed: str) -> str:
        place = sealed_place(kind, id)
        return ring.encrypt_jwe(ring.decrypt_jwe(sealed, place, takes_unbound=True), place)

    return reseal
