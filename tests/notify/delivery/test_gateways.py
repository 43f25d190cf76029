"""SMS and letters are encrypted for their gateway: it alone opens them, and without its certificate they wait."""

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from deploy.local.platform.errors import LocalError
from deploy.local.platform.gateway import Opener, prepare_gateway
from deploy.local.platform.paths import Layout
from services.notify.delivery.adapters.folders import FolderGateway
from services.notify.delivery.adapters.gateway_certificate import REMAINING, GatewayCertificate
from services.notify.delivery.domain import Delivered, OutgoingMessage, Skipped
from services.notify.settings import FoldersSettings, GatewaysSettings
from tests.infra.messaging.plumbing import value
from tests.infra.notify.notify import requested, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

ROOT = Path(__file__).parents[3]
MESSAGE = OutgoingMessage(uuid4(), "+33699990001", b"To: +33699990001\n\nDMP : votre code est 123 456.\n")
DAY = timedelta(days=1)
USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
KEY = rsa.generate_private_key(65537, 2048)


def issue(
    folder: Path,
    *,
    key: rsa.RSAPrivateKey = KEY,
    starts: timedelta = -DAY,
    ends: timedelta = DAY,
    usage: str | None = None,
) -> Path:
    """Writes a certificate that certifies itself, and its key; over the former files, as a renewal does."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now + starts).not_valid_after(now + ends)
    if usage is not None:
        builder = builder.add_extension(x509.KeyUsage(**{use: use == usage for use in USES}), critical=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    draft = folder / "draft.pem"
    draft.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return draft.rename(folder / "certificate.pem")


@pytest.fixture
def outgoing(tmp_path: Path) -> Path:
    folder = tmp_path / "outgoing"
    folder.mkdir()
    return folder


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def described(file: Path) -> str:
    command = ["openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


def run_commands_of(page: str, **variables: str) -> None:
    scripts = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL)
    assert len(scripts) == 3
    for script in scripts:
        command = ["bash", "-euc", script]
        ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr


def open_as_the_page_says(file: Path, folder: Path) -> subprocess.CompletedProcess[bytes]:
    [command] = re.findall(r"```bash\n(openssl .*)\n```", (ROOT / "docs" / "gateways.md").read_text("utf-8"))
    places = {
        "FILE": file,
        "CERTIFICATE": folder / "certificate.pem",
        "KEY": folder / "key.pem",
        "TEXT": folder / "text",
    }
    environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
    return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, timeout=30, check=False)


async def test_the_gateway_opens_a_message_with_the_command_of_its_page(tmp_path: Path, outgoing: Path) -> None:
    certificate = GatewayCertificate("sms", issue(tmp_path))
    assert isinstance(await FolderGateway(outgoing, certificate).send(MESSAGE), Delivered)
    [file] = files_in(outgoing)
    assert file.name == f"{MESSAGE.id}.p7m"
    assert b"0001" not in file.read_bytes()
    assert b"DMP" not in file.read_bytes()
    ended = open_as_the_page_says(file, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "text").read_bytes() == MESSAGE.body


async def test_the_message_is_under_aes_256_and_the_gateways_key_alone(tmp_path: Path, outgoing: Path) -> None:
    await FolderGateway(outgoing, GatewayCertificate("sms", issue(tmp_path))).send(MESSAGE)
    [file] = files_in(outgoing)
    printed = described(file)
    assert "aes-256-cbc" in printed
    assert printed.count("keyEncryptionAlgorithm") == 1
    issue(tmp_path, key=rsa.generate_private_key(65537, 2048))
    assert open_as_the_page_says(file, tmp_path).returncode != 0


@pytest.mark.parametrize(("starts", "ends"), [(-2 * DAY, -DAY), (DAY, 2 * DAY)])
async def test_without_a_valid_certificate_messages_wait_until_it_is_renewed(
    tmp_path: Path, outgoing: Path, starts: timedelta, ends: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(
        "services.notify.delivery.adapters.folders.log_limited", lambda event, _error: logged.append(event)
    )
    gateway = FolderGateway(outgoing, GatewayCertificate("sms", issue(tmp_path, starts=starts, ends=ends)))
    assert await gateway.send(MESSAGE) == Skipped("gateway-certificate-expired")
    assert files_in(outgoing) == []
    assert logged == ["certificates.expired"]
    issue(tmp_path)
    assert isinstance(await gateway.send(MESSAGE), Delivered)


async def test_a_certificate_is_renewed_with_the_commands_of_the_page_about_certificates(
    tmp_path: Path, outgoing: Path
) -> None:
    layout = Layout(tmp_path / "var")
    layout.create()
    prepare_gateway(layout)
    gateway = FolderGateway(outgoing, GatewayCertificate("sms", layout.gateway_certificate))
    assert isinstance(await gateway.send(MESSAGE), Delivered)
    [before] = files_in(outgoing)
    assert Opener(layout).open(before) == MESSAGE.body.decode()
    run_commands_of("certificates.md", CERTIFICATES=str(layout.secrets), NAME="gateway")
    with pytest.raises(LocalError):
        Opener(layout).open(before)
    assert isinstance(await gateway.send(MESSAGE), Delivered)
    assert Opener(layout).open(before) == MESSAGE.body.decode(), "it is written anew, for the new certificate"


async def test_a_renewed_certificate_that_cannot_be_used_leaves_the_former_one_in_force(
    tmp_path: Path, outgoing: Path
) -> None:
    file = issue(tmp_path)
    gateway = FolderGateway(outgoing, GatewayCertificate("sms", file))
    file.write_text("half a certificate")
    assert isinstance(await gateway.send(MESSAGE), Delivered)


@pytest.mark.parametrize(
    ("bits", "usage"), [(1024, None), (2048, "digital_signature")], ids=["short key", "another use"]
)
def test_a_certificate_that_may_not_encipher_keys_is_refused(tmp_path: Path, bits: int, usage: str | None) -> None:
    key = KEY if bits == 2048 else rsa.generate_private_key(65537, bits)
    with pytest.raises(ValueError, match="key encipherment"):
        GatewayCertificate("sms", issue(tmp_path, key=key, usage=usage))
    issue(tmp_path, usage="key_encipherment")
    assert GatewayCertificate("sms", tmp_path / "certificate.pem").encrypt(b"text")


def test_the_remaining_time_of_the_present_certificate_is_shown(tmp_path: Path) -> None:
    GatewayCertificate("letter", issue(tmp_path, starts=-2 * DAY, ends=-DAY))
    [before] = [s.value for m in REMAINING.collect() for s in m.samples if s.labels == {"channel": "letter"}]
    issue(tmp_path, ends=10 * DAY)
    [after] = [s.value for m in REMAINING.collect() for s in m.samples if s.labels == {"channel": "letter"}]
    assert before < 0
    assert 9 * DAY.total_seconds() < after < 10 * DAY.total_seconds()


async def test_letters_that_waited_for_the_certificate_leave_after_its_renewal(
    database: Database, kafka: Topics, folders: FoldersSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = issue(tmp_path, starts=-2 * DAY, ends=-DAY)
    expired = GatewaysSettings(sms_certificate_file=file, letters_certificate_file=file)
    monkeypatch.setattr("tests.infra.notify.notify.gateways_settings", lambda: expired)
    address = ["Camille EXEMPLE", "1 rue de l'Essai", "75001 PARIS"]
    event = requested(
        address, "activation-code", "letter", code="12345678", valid_until="2027-01-31", record_id=uuid4()
    )
    async with worker(database, kafka, 1, folders):
        await kafka.put(event)
        waits = "select reason = 'gateway-certificate-expired' from messages where status = 'queued'"
        await eventually(lambda: value(database, waits))
        assert files_in(folders.letters) == []
        issue(tmp_path)
        await eventually(lambda: value(database, "select status = 'sent' from messages"))
    [letter] = files_in(folders.letters)
    assert open_as_the_page_says(letter, tmp_path).returncode == 0
    assert (tmp_path / "text").read_text("utf-8").startswith("Camille EXEMPLE\n")
