"""What is wrong with the settings is said with the names of the environment variables, and without their values."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings, settings_complaint
from tests.infra.platform.certificates import Authority


class Settings(ServiceSettings):
    """Settings of an invented service."""

    model_config = SettingsConfigDict(env_prefix="INVENTED_")
    codes: tuple[str, ...] = ()


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
    text = complaint(monkeypatch, INVENTED_KAFKA__GATHER_MS="5")
    assert text == "INVENTED_KAFKA__GATHER_MS is called LINGER_MS now: rename the variable"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"INVENTED_KAFKA__BOOTSTRAP": "kafka.example:9092"}, "SECURITY is needed for a broker"),
        (
            {"INVENTED_KAFKA__BOOTSTRAP": "127.0.0.1:1,kafka.example:1"},
            "SECURITY is needed for a broker",
        ),
        ({"INVENTED_KAFKA__SECURITY": "sasl_ssl"}, "USERNAME and PASSWORD are needed with SECURITY sasl_ssl"),
        (
            {"INVENTED_KAFKA__SECURITY": "ssl", "INVENTED_KAFKA__USERNAME": "app"},
            "USERNAME and PASSWORD have no effect",
        ),
        ({"INVENTED_KAFKA__USERNAME": "app"}, "USERNAME and PASSWORD are needed with SECURITY sasl_plaintext"),
        (
            {"INVENTED_KAFKA__CA_FILE": "/nowhere.pem"},
            "CA_FILE, CERTIFICATE_FILE and KEY_FILE have no effect",
        ),
        ({"INVENTED_KAFKA__SECURITY": "ssl", "INVENTED_KAFKA__CA_FILE": "/nowhere.pem"}, "CA_FILE cannot be read"),
        (
            {"INVENTED_KAFKA__SECURITY": "ssl", "INVENTED_KAFKA__KEY_FILE": "/nowhere.pem"},
            "CERTIFICATE_FILE and KEY_FILE go",
        ),
    ],
)
def test_a_connection_to_kafka_that_cannot_be_made_safely_is_refused_in_words(
    changes: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = complaint(monkeypatch, **changes)
    assert f"INVENTED_KAFKA__{words}" in text


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("KEY_FILE",), "go together"),
        (("CERTIFICATE_FILE",), "go together"),
        (("CERTIFICATE_FILE", "KEY_FILE"), "cannot be"),
    ],
)
def test_a_certificate_of_the_api_that_cannot_be_used_is_refused_in_words(
    files: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = complaint(monkeypatch, **{f"INVENTED_HTTP__{file}": "/nowhere.pem" for file in files})
    assert text.startswith("INVENTED_HTTP__CERTIFICATE_FILE and KEY_FILE")
    assert words in text


def test_a_certificate_and_the_key_of_another_are_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    changes = {
        "INVENTED_KAFKA__SECURITY": "ssl",
        "INVENTED_KAFKA__CERTIFICATE_FILE": str(authority.issue("one").certificate),
        "INVENTED_KAFKA__KEY_FILE": str(authority.issue("other").key),
    }
    assert "do not belong together" in complaint(monkeypatch, **changes)


def test_a_connection_string_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = complaint(monkeypatch, INVENTED_POSTGRES__DSN="postgresql://app:invented-word@db.example/records")
    assert text.startswith("INVENTED_POSTGRES__DSN: a server beyond this machine needs `sslmode`")
    assert "invented-word" not in text


def secret_file(folder: Path, content: bytes) -> str:
    """Returns the path of a new file with this content."""
    path = folder / "dsn"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"INVENTED_CODES": "P,T"}, "INVENTED_CODES: Input should be a valid tuple"),
        ({"INVENTED_POSTGRES": "no JSON"}, "INVENTED_POSTGRES: Input should be a valid dictionary"),
    ],
)
def test_a_list_or_section_that_is_no_json_is_refused_in_words(
    changes: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert words in complaint(monkeypatch, **changes)


def test_a_setting_is_read_from_the_file_that_its_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**COMPLETE, "INVENTED_LOG_LEVEL_FILE": secret_file(tmp_path, b"WARNING\n")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("INVENTED_POSTGRES__DSN")
    monkeypatch.setenv("INVENTED_POSTGRES__DSN_FILE", str(tmp_path / "other"))
    (tmp_path / "other").write_text("postgresql://app@127.0.0.1/from-a-file\n")
    settings = Settings()
    assert settings.postgres.dsn.get_secret_value() == "postgresql://app@127.0.0.1/from-a-file"
    assert settings.log_level == "WARNING"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\r\n", "the file is empty"),
        (b"invented-word \xff", "the file is not text in UTF-8"),
        (
            b"postgresql://app:invented-word@db.example/records",
            "a server beyond this machine needs `sslmode`",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_said_by_its_variable_and_not_shown(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret_file(tmp_path, content)
    text = complaint(monkeypatch, INVENTED_POSTGRES__DSN=None, INVENTED_POSTGRES__DSN_FILE=path)
    assert text.startswith(f"INVENTED_POSTGRES__DSN_FILE: {words}")
    assert "invented-word" not in text


def test_all_files_that_are_not_there_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = complaint(
        monkeypatch,
        INVENTED_POSTGRES__DSN=None,
        INVENTED_POSTGRES__DSN_FILE="/nowhere",
        INVENTED_KAFKA__PASSWORD_FILE="/nowhere",
    )
    assert text == (
        "INVENTED_POSTGRES__DSN_FILE: the file cannot be read (No such file or directory); "
        "INVENTED_KAFKA__PASSWORD_FILE: the file cannot be read (No such file or directory)"
    )


def test_a_value_that_is_set_in_both_ways_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = secret_file(tmp_path, b"postgresql://app@127.0.0.1/from-a-file")
    text = complaint(monkeypatch, INVENTED_POSTGRES__DSN_FILE=path)
    assert text == "INVENTED_POSTGRES__DSN_FILE: the variable without _FILE is set too: one of the two must go"


def test_a_misspelt_variable_of_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = complaint(monkeypatch, INVENTED_POSTGRES__DNS_FILE=secret_file(tmp_path, b"word"))
    assert text.startswith("INVENTED_POSTGRES__DNS_FILE: ")


def test_a_setting_whose_own_name_ends_in_file_keeps_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    changes = {"INVENTED_KAFKA__SECURITY": "ssl", "INVENTED_KAFKA__CA_FILE": str(authority.file)}
    for name, value in {**COMPLETE, **changes}.items():
        monkeypatch.setenv(name, value)
    assert Settings().kafka.ca_file == authority.file


@pytest.mark.parametrize("networks", ["0.0.0.0/0", "10.0.0.0/8,::/0", "10.0.0.1/8", "10.0.0.0/8 10.1.0.0/16", "*"])
def test_proxies_are_networks_and_never_everybody(networks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaint(monkeypatch, INVENTED_HTTP__TRUSTED_PROXIES=networks).startswith("INVENTED_HTTP__TRUSTED_PROXIES")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"KEY_FILE": "/nowhere.pem"}, "CERTIFICATE_FILE and KEY_FILE go together"),
        ({"PROXY_AUTHORITIES_FILE": "/nowhere.pem"}, "PROXY_AUTHORITIES_FILE has no effect without"),
        (
            {"CERTIFICATE_FILE": "/nowhere.pem", "KEY_FILE": "/nowhere.pem", "PLAINTEXT": "true"},
            "PLAINTEXT has no effect",
        ),
        ({"CERTIFICATE_FILE": "/nowhere.pem", "KEY_FILE": "/nowhere.pem"}, "CERTIFICATE_FILE and KEY_FILE cannot be"),
    ],
)
def test_files_of_the_apis_tls_that_have_no_effect_are_refused_in_words(
    changes: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = complaint(monkeypatch, **{f"INVENTED_HTTP__{name}": value for name, value in changes.items()})
    assert text.startswith(f"INVENTED_HTTP__{words}")
