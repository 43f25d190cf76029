"""The edge leads operators to a worker over TLS, and to no worker whose certificate does not name it."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from services.consent.app import make_worker
from services.consent.settings import Settings
from shared.contracts.declarations import SERVICES
from shared.runtime.settings import KafkaSettings, PostgresSettings, WorkerSettings
from shared.service.serving import worker_config
from tests.infra.edge.running_edge import DOMAIN, NOWHERE, running_edge
from tests.infra.http.servers import listening
from tests.infra.http.tokens import SETTINGS
from tests.infra.platform.certificates import LOOPBACK, Authority

pytestmark = pytest.mark.long
REACHED, NOT_REACHED = 401, 503


async def answer(folder: Path, worker: WorkerSettings, inside: Authority) -> int:
    """Returns the status that an operator without a token gets through the edge from a worker of consent."""
    settings = Settings(
        postgres=PostgresSettings.model_validate({"dsn": "postgresql://nobody@127.0.0.1:1/none"}),
        kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
        tokens=SETTINGS,
    )
    config = worker_config(make_worker(settings), worker)
    config.lifespan = "off"  # its consumers and loops, which need a broker
    operators = Authority(folder, "operators")
    async with listening(config) as port:
        workers = dict.fromkeys(SERVICES, NOWHERE) | {"consent": f"127.0.0.1:{port}"}
        changes: dict[str, Any] = {
            "workers": workers,
            "operator_authorities": operators.file,
            "service_authorities": inside.file,
        }
        async with running_edge(folder, {}, **changes) as edge:
            trust = edge.trust()
            trust.load_cert_chain(operators.issue("jane").both)
            url = f"https://127.0.0.1:{edge.settings.operators_port}"
            host = f"operators.{DOMAIN}"
            async with httpx2.AsyncClient(base_url=url, verify=trust, headers={"host": host}) as operator:
                extensions = {"sni_hostname": host}
                return (await operator.get("/consent/dead-letters", extensions=extensions)).status_code


@pytest.mark.parametrize(
    ("hosts", "is_of_the_installation", "status"),
    [(LOOPBACK, True, REACHED), (("records-worker",), True, NOT_REACHED), (LOOPBACK, False, NOT_REACHED)],
)
async def test_a_worker_is_reached_over_tls_by_the_name_that_its_certificate_has(
    hosts: tuple[str, ...], is_of_the_installation: bool, status: int, tmp_path: Path
) -> None:
    inside, other = Authority(tmp_path, "inside"), Authority(tmp_path, "other")
    authority = inside if is_of_the_installation else other
    pair = authority.issue("worker", hosts, ExtendedKeyUsageOID.SERVER_AUTH)
    worker = WorkerSettings(certificate_file=pair.certificate, key_file=pair.key)
    assert await answer(tmp_path, worker, inside) == status


async def test_an_edge_that_speaks_tls_sends_no_token_to_a_worker_without_a_certificate(tmp_path: Path) -> None:
    assert await answer(tmp_path, WorkerSettings(), Authority(tmp_path, "inside")) == NOT_REACHED
