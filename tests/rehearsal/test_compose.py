"""One server by `deploy/compose.yaml`: all becomes ready, a deposit through the edge becomes an alert, and all ends."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
import pytest_asyncio
from aiosmtpd.smtp import SMTP
from joserfc.jwk import ECKey

from deploy.cli.client import RefusedError, Session, software_session
from deploy.image.build import Options, build, ensure_base
from deploy.image.engine import Engine, find_engine
from deploy.local.demo.client import FHIR
from deploy.local.demo.credentials import HOSPITAL, STRUCTURES
from deploy.local.demo.letter import letter
from deploy.local.demo.mailbox import caught_mails
from deploy.local.demo.people import InventedPerson, invent
from deploy.local.platform.ports import Ports
from deploy.local.platform.smtp import MailCatcher
from shared.contracts.declarations import SERVICES
from shared.fhir.cda_deposit import bundle_of_cda
from tests.infra.notify.gateways import gateway
from tests.infra.platform.compose import USER, Compose, client_by_name, give, write_settings
from tests.infra.platform.waiting import eventually
from tests.infra.records.hospital import new_key

DOMAIN: Final = "dmp.example"
IMAGES: Final = ("services", "postgres", "kafka", "edge")
JOBS: Final = {"topics", "databases", "edge-settings", *(f"{service}-migrate" for service in SERVICES)}
PROCESSES: Final = (
    *("postgres", "kafka-1", "edge", "edge-signer"),
    *(f"{service}-{role}" for service in SERVICES for role in ("api", "worker")),
    "records-extract",
)
READY_S: Final = 600


@dataclass(frozen=True)
class Server:
    """A running installation: its containers, the folder of caught mails, and the administrator's session."""

    compose: Compose
    mails: Path
    administrator: Session

    async def all_are_ready(self) -> bool:
        """Whether every process answers that it is ready, and every job has ended well."""
        healthy = [await asyncio.to_thread(self.compose.is_healthy, name) for name in PROCESSES]
        ended = await asyncio.to_thread(self.compose.ended_jobs)
        return all(healthy) and all(ended.get(job) == 0 for job in JOBS)

    async def open_record(self, person: InventedPerson) -> str:
        """Opens a person's record and returns its id when it is in force."""
        answer = await self.administrator.call("POST", "identity", "/records", json=person.opening())
        place = f"/records/{answer.json()['record_id']}"

        async def is_in_force() -> bool:
            state = await self.administrator.call("GET", "identity", place, headers={"prefer": "wait=5"})
            return bool(state.json()["status"] == "in-force")

        await eventually(is_in_force)
        return str(answer.json()["record_id"])

    async def register_software(self) -> Session:
        """Enters a hospital in the directory and registers its software."""
        hospital, key = STRUCTURES[HOSPITAL], new_key()
        structure = {"name": hospital.name, "status": "active"}
        await self.administrator.call("PUT", "identity", f"/structures/{hospital.id}", json=structure)
        body: dict[str, Any] = {"name": "DPI", "kind": "software", "scopes": ["documents.deposit"]}
        body |= {"keys": [key.as_dict(private=False)], "organisation_id": hospital.id}
        answer = await self.administrator.call("POST", "identity", "/clients", json=body)
        return software_session(self.administrator.http, self.administrator.urls, answer.json()["client_id"], key)

    async def deposit(self, software: Session, person: InventedPerson) -> str:
        """Deposits a letter and returns the status that its tracking ends with.

        A container that was started again has another address; until the edge knows it, a hospital tries again.
        """
        content = bundle_of_cda(letter(person, STRUCTURES[HOSPITAL]))

        async def sent() -> httpx2.Response | None:
            try:
                return await software.call("POST", "records", "/fhir", content=content, headers=FHIR)
            except RefusedError as error:
                if error.status != 503:
                    raise
                return None

        receipt = await eventually(sent)

        async def outcome() -> str | None:
            tracked = await software.call("GET", "records", receipt.headers["location"])
            [document] = tracked.json()["documents"]
            return document["status"] if document["status"] in ("published", "refused") else None

        return await eventually(outcome)

    async def alert_of(self, person: InventedPerson) -> None:
        """Waits until the person has a mail."""

        async def has_come() -> bool:
            return bool(caught_mails(self.mails, person.mail))

        await eventually(has_come)


def say(begun: float, text: str) -> None:
    print(f"{time.monotonic() - begun:6.1f} s: {text}", flush=True)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """The installation of docs/deploying.md, its containers just started."""
    engine, project = find_engine(), f"dmp-{os.getpid()}"
    options = Options(ensure_base(engine))
    images = {f"DMP_{name.upper()}_IMAGE": build(engine, name, options) for name in IMAGES}
    images["DMP_IMAGE"] = images.pop("DMP_SERVICES_IMAGE")
    secrets, mails, settings = tmp_path / "secrets", tmp_path / "mails", tmp_path / "server.env"
    key = new_key()
    public = _make_secrets(engine, images["DMP_IMAGE"], tmp_path, key)
    compose = Compose(engine, project, settings)
    async with AsyncExitStack() as stack:
        stack.callback(lambda: compose.run("down", "-v", "-t", "30"))
        gateway, ports = compose.network(), stack.enter_context(Ports())
        workers = {service: f"{service}-worker" for service in SERVICES}
        ports.claim(("https", "cards", "mllp", "smtp", *workers.values()), None)
        addresses = {name: f"127.0.0.1:{ports[name]}" for name in ("https", "cards", "mllp")}
        urls: dict[str, str] = {service: f"https://{service}.{DOMAIN}:{ports['https']}" for service in SERVICES}
        write_settings(
            settings,
            {
                **images,
                **{f"DMP_{name.upper()}_PORT": address for name, address in addresses.items()},
                **{f"DMP_{service.upper()}_WORKER_PORT": str(ports[name]) for service, name in workers.items()},
                "DMP_SECRETS": str(secrets),
                "DMP_ISSUER": urls["identity"],
                "DMP_CERTIFICATE_ISSUER": "https://records.dmp.example/certificates",
                "DMP_SMTP_HOST": gateway,
                "DMP_SMTP_PORT": str(ports["smtp"]),
                "DMP_SMTP_SECURITY": "none",
                "DMP_SMTP_SENDER": f"no-reply@{DOMAIN}",
                "DMP_NAME": "DMP",
                "DMP_SITE": DOMAIN,
                "DMP_TELEPHONE": "01 99 00 00 00",
                "DMP_KAFKA_MEMORY": "512m",
            },
        )
        compose.run("up", "-d")
        await _catch_mails(stack, mails, gateway, ports["smtp"])
        names = [f"{service}.{DOMAIN}" for service in SERVICES]
        http = await stack.enter_async_context(client_by_name(secrets / "edge" / "ca.crt", names))
        await eventually(_is_up(compose, "identity-api"), seconds=READY_S)
        command = ("python", "-m", "services.identity", "first-administrator", "--name", "administrator", "--key")
        made = engine.run("exec", compose.container("identity-api"), *command, f"/run/secrets/identity/{public}")
        client_id: Any = orjson.loads(made)["client_id"]
        yield Server(compose, mails, software_session(http, urls, client_id, key))


def _make_secrets(engine: Engine, image: str, folder: Path, key: ECKey) -> str:
    """Makes the secrets, the folder of mails, and the administrator's public key, whose file's name it returns."""
    secrets = folder / "secrets"
    folder.chmod(0o755)
    (folder / "mails").mkdir()
    secrets.mkdir()
    os.chown(secrets, USER, USER)
    words = ("run", "--rm", "--network=none", "-v", f"{secrets}:/secrets", image, "deploy.cli", "secrets", "/secrets")
    engine.run(*words, "--domain", DOMAIN)
    public = secrets / "identity" / "administrator.jwk.json"
    public.write_bytes(orjson.dumps(key.as_dict(private=False)))
    give(public, *_gateway_certificates(secrets / "notify"))
    return public.name


def _gateway_certificates(folder: Path) -> list[Path]:
    """Puts the certificate of the tests' gateway where notify finds that of each gateway."""
    files = [folder / f"{name}-gateway.pem" for name in ("sms", "letters")]
    for file in files:
        file.write_bytes(gateway().gateway_certificate.read_bytes())
    return files


def _is_up(compose: Compose, service: str) -> Any:
    async def look() -> bool:
        return await asyncio.to_thread(compose.is_healthy, service)

    return look


async def _catch_mails(stack: AsyncExitStack, folder: Path, host: str, port: int) -> None:
    """Takes the mails that the containers send to this machine."""
    catcher, loop = MailCatcher(folder), asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(catcher, enable_SMTPUTF8=True, hostname="mail"), host, port)
    stack.callback(listening.close)


async def test_a_deposit_through_the_edge_becomes_an_alert_also_after_a_restart(server: Server) -> None:
    begun, persons = time.monotonic(), (invent(), invent())
    await eventually(server.all_are_ready, seconds=READY_S)
    say(begun, "all processes are ready and all jobs have ended")
    inside = ("postgres", "kafka-1", "edge-signer", *(f"{service}-api" for service in SERVICES))
    assert [name for name in inside if server.compose.published(name)] == []
    for person in persons:
        await server.open_record(person)
    software = await server.register_software()
    await deposit_and_alert(server, software, persons[0])
    say(begun, "a document is published, and its alert is in the mailbox")
    await asyncio.to_thread(server.compose.run, "restart", "records-api", "records-worker")
    await eventually(server.all_are_ready, seconds=READY_S)
    say(begun, "records' API and worker were restarted and are ready")
    await deposit_and_alert(server, software, persons[1])
    say(begun, "another document is published, and its alert is in the mailbox")


async def deposit_and_alert(server: Server, software: Session, person: InventedPerson) -> None:
    assert await server.deposit(software, person) == "published"
    await server.alert_of(person)
