"""HL7 v2 passes through the edge unopened: records itself sees the sender's certificate."""

import asyncio
import hashlib
import ssl
from pathlib import Path
from uuid import UUID

import pytest

from tests.infra.edge.running_edge import running_edge
from tests.infra.records.hl7v2_messages import MllpClient
from tests.infra.records.mllp import run_mllp
from tests.infra.records.records_api import HOSPITAL, RecordsApi
from tests.records.hl7v2.test_connections import Certificates, a_message

pytestmark = pytest.mark.long


async def test_a_message_is_acknowledged_to_whom_its_certificate_names(
    record: UUID, no_messages: RecordsApi, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path / "pki")
    own, other = certificates.pki.organisation(HOSPITAL), certificates.pki.organisation(HOSPITAL)
    async with run_mllp(no_messages, **certificates.rules) as target:
        await target.be_fresh()
        await target.register(certificates=(hashlib.sha256(own.der).hexdigest(),))
        async with running_edge(tmp_path, {}, mllp=f"127.0.0.1:{target.port}", pki=certificates.pki) as edge:

            async def send(context: ssl.SSLContext, control_id: str) -> str:
                reader, writer = await asyncio.open_connection("127.0.0.1", edge.settings.mllp_port, ssl=context)
                try:
                    return (await MllpClient(reader, writer).send(a_message(control_id))).answer
                finally:
                    writer.close()

            assert await send(certificates.client(own), "M-1") == "AA"
            assert await send(certificates.client(other), "M-2") == "AR 207 901"
