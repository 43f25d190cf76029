"""What is wrong with the settings is said with the names of the environment variables, and without their values."""

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings, settings_complaint


class Settings(ServiceSettings):
    """Settings of an invented service."""

    model_config = SettingsConfigDict(env_prefix="INVENTED_")


COMPLETE = {
    "INVENTED_POSTGRES__DSN": "postgresql://app@127.0.0.1/invented",
    "INVENTED_KAFKA__BOOTSTRAP": "127.0.0.1:9092",
    "INVENTED_TOKENS__ISSUER": "https://identity.example",
    "INVENTED_TOKENS__JWKS_URL": "https://identity.example/jwks",
}


def complaint(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> str:
    for name, value in {**COMPLETE, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    return settings_complaint(caught.value, Settings)


def test_a_missing_section_is_said_by_the_variables_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaint(monkeypatch, INVENTED_TOKENS__ISSUER=None, INVENTED_TOKENS__JWKS_URL=None) == (
        "INVENTED_TOKENS__ISSUER is missing; INVENTED_TOKENS__JWKS_URL is missing"
    )


def test_a_missing_field_is_said_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaint(monkeypatch, INVENTED_TOKENS__JWKS_URL=None) == "INVENTED_TOKENS__JWKS_URL is missing"


def test_a_wrong_value_is_said_by_its_variable_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = complaint(monkeypatch, INVENTED_HTTP__PORT="secret-text")
    assert text.startswith("INVENTED_HTTP__PORT: ")
    assert "secret-text" not in text


def test_a_retired_name_is_said_with_its_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "LINGER_MS" in complaint(monkeypatch, INVENTED_KAFKA__GATHER_MS="5")
