"""An issuer of certificates has a URL that verifiers reach, and keys that are named by their thumbprint."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from services.records.kit.keys import KeySettings
from services.records.settings import CertificateSettings
from tests.infra.platform.databases import Database
from tests.infra.records.certificates import CARD_KEYS, ISSUER
from tests.infra.records.records_api import settings_of

DSN = "postgresql://127.0.0.1/records"
DATABASE = Database("records", "records", DSN, DSN)


@pytest.mark.parametrize("url", ["http://dmp.example", f"{ISSUER}/", f"{ISSUER}?a=b", "dmp.example", "https://"])
def test_an_issuer_that_no_certificate_may_name_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="https"):
        CertificateSettings(issuer=url)


def test_the_issuers_url_and_its_keys_come_together() -> None:
    without_keys: dict[str, Any] = {"keys": settings_of(DATABASE).keys.model_copy(update={"certificates": None})}
    assert settings_of(DATABASE, **without_keys, certificates=CertificateSettings()).certificates.issuer is None
    with pytest.raises(ValidationError, match="come together"):
        settings_of(DATABASE, **without_keys)
    with pytest.raises(ValidationError, match="come together"):
        settings_of(DATABASE, certificates=CertificateSettings())


def test_keys_of_certificates_are_never_quoted() -> None:
    with pytest.raises(ValidationError, match="thumbprint") as error:
        KeySettings.model_validate({"certificates": SecretStr(CARD_KEYS.replace('"kid"', '"name"'))})
    assert '"d"' not in str(error.value)
