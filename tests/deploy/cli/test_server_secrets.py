"""The secrets of one server: made once, kept, private, and enough for every service."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from deploy.cli.databases import roles_of
from deploy.cli.server_secrets import make_secrets, password_of
from deploy.edge.settings import EdgeSettings
from deploy.settings_classes import settings_class
from shared.contracts.declarations import SERVICES
from shared.runtime.setting_types import check_pem_files
from shared.service.owner_settings import owner_settings_class

COMPOSE = Path(__file__).parents[3] / "deploy" / "compose.yaml"


def test_secrets_are_private_and_a_second_run_changes_none(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    contents = {path: path.read_bytes() for path in made}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o400}
    assert make_secrets(tmp_path) == []
    assert {path: path.read_bytes() for path in made} == contents


def test_every_role_has_a_password_of_its_own(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    roles = [role for service in SERVICES for role in roles_of(service)]
    passwords = {password_of(tmp_path, role) for role in roles}
    assert len(passwords) == len(roles)
    assert "" not in passwords


def test_services_that_share_a_keyring_get_the_same(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    shared = {
        "ins-hmac": ("identity", "records"),
        "people-to-call": ("identity", "records"),
        "contacts": ("identity", "notify"),
    }
    for name, services in shared.items():
        assert len({(tmp_path / service / name).read_text() for service in services}) == 1


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("process", ["api", "worker"])
def test_a_process_of_the_compose_file_has_settings_that_it_can_start_with(
    service: str, process: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_secrets(tmp_path)
    set_variables(f"{service}-{process}", tmp_path, monkeypatch)
    settings = settings_class(service)()
    assert settings.http.is_protected is (process == "api")
    assert settings.http.port == settings.worker.port == 8080
    assert settings.postgres.owner_dsn is None


@pytest.mark.parametrize("service", SERVICES)
def test_a_migration_of_the_compose_file_has_the_owners_connection_and_no_key(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_secrets(tmp_path)
    described = set_variables(f"{service}-migrate", tmp_path, monkeypatch)
    settings = owner_settings_class(settings_class(service))().postgres
    assert settings.role == f"{service}_app"
    assert settings.role in roles_of(service)
    assert [source.rpartition("/")[2] for source, _ in _mounts(described)] == [f"{service}-owner"]
    assert len(described["environment"]) == 2


def set_variables(name: str, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Sets the variables of a container, with files of this folder. Returns what the compose file says of it."""
    described: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"][name]
    places = {target: f"{secrets}/{source.rpartition('/')[2]}" for source, target in _mounts(described)}
    for variable, value in described["environment"].items():
        if str(value).startswith("/run/secrets/"):
            folder, _, file = value.rpartition("/")
            monkeypatch.setenv(variable, f"{places[folder]}/{file}")
        elif variable != "DMP_HEALTH_URL":
            monkeypatch.setenv(variable, _given(value))
    return described


def test_the_edge_of_the_compose_file_has_settings_that_it_can_start_with(tmp_path: Path) -> None:
    make_secrets(tmp_path, domain="other.example")
    settings = EdgeSettings.model_validate(tomllib.loads((tmp_path / "edge" / "edge.toml").read_text()))
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    assert {address.partition(":")[0] for address in settings.services.values()} <= set(services)
    assert services["edge-signer"]["command"][-1] == settings.signer
    assert [port.rpartition(":")[2] for port in services["edge"]["ports"]] == ["10443", "10444", "2575"]
    shown = x509.load_pem_x509_certificate((tmp_path / "edge" / "edge.crt").read_bytes())
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "cards.other.example" in names.get_values_for_type(x509.DNSName)
    named = (settings.certificate, settings.key, settings.card_authorities, settings.service_authorities)
    assert all((tmp_path / "edge" / str(path).rpartition("/")[2]).exists() for path in named)


def test_a_certificate_whose_key_is_lost_is_made_anew_with_it(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "records" / "tls.key").unlink()
    assert {path.name for path in make_secrets(tmp_path)} == {"tls.crt", "tls.key"}
    check_pem_files(tmp_path / "records" / "ca.crt", tmp_path / "records" / "tls.crt", tmp_path / "records" / "tls.key")


def test_no_environment_of_the_compose_file_holds_a_secret() -> None:
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    for described in services.values():
        for name in described.get("environment", {}):
            is_secret = any(part in name for part in ("DSN", "PASSWORD", "KEYS__", "MOTIVES", "SECRET"))
            assert not is_secret or name.endswith("_FILE") or name == "KAFKA_SECRETS", name


def _mounts(described: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Returns source and target of the mounted folders with secrets."""
    mounts = [text.replace(":-", "").removesuffix(":ro").partition(":") for text in described["volumes"]]
    return [(source, target) for source, _, target in mounts if target.startswith("/run/secrets")]


def _given(value: str) -> str:
    """Returns a value as a file of settings may give it: a default, else one for tests."""
    if not value.startswith("${"):
        return value
    name, _, default = value.removeprefix("${").removesuffix("}").partition(":-")
    required = {
        "DMP_ISSUER": "https://identity.example",
        "DMP_CERTIFICATE_ISSUER": "https://records.example/certificates",
        "DMP_SMTP_HOST": "mail.example",
        "DMP_SMTP_SENDER": "no-reply@dmp.example",
        "DMP_NAME": "DMP",
        "DMP_SITE": "dmp.example",
        "DMP_TELEPHONE": "01 99 00 00 00",
    }
    return default or required[name.partition(":?")[0]]
