"""Warnings are off, and cannot be turned on without the keyring that carries reasons to the ledger."""

import pytest
from pydantic import ValidationError

from services.records.kit.keys import KeySettings
from services.records.settings import WarningSettings
from tests.infra.platform.databases import Database
from tests.infra.records.records_api import KEYS, settings_of

NOWHERE = Database("records", "none", "postgresql://nobody@127.0.0.1:1/none", "postgresql://nobody@127.0.0.1:1/none")


def test_warnings_are_off_and_need_a_keyring() -> None:
    without = KeySettings.model_validate({name: value for name, value in KEYS.items() if name != "reasons"})
    assert not settings_of(NOWHERE, warnings=WarningSettings(), keys=without).warnings.enabled
    with pytest.raises(ValidationError, match="RECORDS_KEYS__REASONS"):
        settings_of(NOWHERE, warnings=WarningSettings(enabled=True), keys=without)
