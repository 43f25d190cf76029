"""Reasons of acknowledged warnings come to the ledger under a keyring of records' own, beside identity's motives."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from services.audit.ledger.adapters import MotiveVault, transport_keys
from services.audit.settings import KeySettings
from shared.contracts.audit import MOTIVE
from shared.crypto.keyring import Keyring, KeyUnknownError
from tests.infra.audit.keys import KEK, MOTIVES, SENT, SIGNATURES

REASONS = "reasons-1:" + "R" * 43
RECORD, EVENT = UUID(int=1), UUID(int=2)


def test_a_reason_and_a_motive_are_stored_under_the_records_key() -> None:
    vault = MotiveVault(transport_keys(SENT, REASONS), MOTIVES.vault)
    wrapped = vault.vault.new_key(RECORD)
    key = vault.vault.unwrap(RECORD, wrapped)
    for ring, text in ((SENT, "Urgence vitale"), (REASONS, "Tolérée depuis 2020")):
        kept = vault.reseal(key, EVENT, Keyring.parse(ring).encrypt_jwe(text.encode(), MOTIVE))
        assert kept is not None
        assert vault.open(RECORD, wrapped, EVENT, kept) == text


def test_a_reason_waits_where_audit_does_not_have_the_keyring_yet() -> None:
    sent = Keyring.parse(REASONS).encrypt_jwe(b"Toleree", MOTIVE)
    with pytest.raises(KeyUnknownError):
        MotiveVault(transport_keys(SENT, None), MOTIVES.vault).reseal(b"k" * 32, EVENT, sent)


@pytest.mark.parametrize(("reasons", "is_taken"), [(REASONS, True), (SENT, True), ("motives-1:" + "N" * 43, False)])
def test_a_kid_that_stands_for_two_keys_is_refused(reasons: str, is_taken: bool) -> None:
    values = {"motives": SENT, "reasons": reasons, "kek": KEK, "signatures": SIGNATURES}
    if is_taken:
        assert KeySettings.model_validate(values).reasons is not None
    else:
        with pytest.raises(ValidationError, match="two keys of the kid motives-1"):
            KeySettings.model_validate(values)
