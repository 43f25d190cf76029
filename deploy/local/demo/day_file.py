"""Invents what the health insurance sends: a day's file of reimbursements with its frame, and one line of its feed."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer

from deploy.local.demo.people import InventedPerson, invent
from deploy.local.platform import endpoints
from deploy.local.platform.paths import Layout
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import keyrings_of
from services.records.reimbursements.adapters.files import COLUMNS, frame_of
from services.records.reimbursements.domain.feed import seal_report
from shared.contracts.topics import INSURANCE_REIMBURSEMENTS
from shared.crypto.keyring import Keyring
from shared.messaging.connection import MECHANISM
from shared.runtime import clock

LINES, LINES_A_PERSON = 10_000, 20
INSURANCE = "insurance"
_CARE = (
    {"kind": "medicine", "code": "3400930000120", "code_system": "CIP13", "label": "PARACÉTAMOL INVENTÉ 500 MG CPR 16"},
    {"kind": "care", "code": "G", "code_system": "NGAP", "label": "CONSULTATION MÉDECINE GÉNÉRALE"},
    {"kind": "biology", "code": "1104", "code_system": "NABM", "label": "HÉMOGRAMME"},
    {"kind": "vaccination", "code": "3400930000137", "code_system": "CIP13", "label": "VACCIN INVENTÉ SUSP INJ 1"},
)


def line_of(person: InventedPerson, sheet: str, number: int) -> dict[str, str]:
    """Returns the columns of a line about recent care of this person."""
    day = (datetime.now(UTC).date() - timedelta(days=number + 1)).isoformat()
    return {
        "payer": "01999",
        "sheet": sheet,
        "line": str(number),
        "version": "1",
        "operation": "new",
        "ins": person.ins,
        "ins_oid": person.oid,
        "care_from": day,
        "amount_paid": "26.50",
        "amount_reimbursed": "18.55",
        **_CARE[number % len(_CARE)],
    }


def write_day_file(path: Path, patient: InventedPerson) -> None:
    """Writes a file of 10,000 lines and its frame: 20 lines of the patient, the others of people without a record."""
    rows = [";".join(line.get(name, "") for name in COLUMNS.titles) for line in _lines(patient)]
    data = "\n".join([";".join(COLUMNS.titles), *rows, ""]).encode()
    path.write_bytes(data)
    frame = {
        "lines": LINES,
        "amount_paid": f"{LINES * 26.5:.2f}",
        "amount_reimbursed": f"{LINES * 18.55:.2f}",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    frame_of(path).write_bytes(orjson.dumps(frame))


def _lines(patient: InventedPerson) -> Iterator[dict[str, str]]:
    for number in range(LINES // LINES_A_PERSON):
        person = patient if number == 0 else invent()
        for line in range(LINES_A_PERSON):
            yield line_of(person, f"{person.ins}-{number}", line)


async def send_line(layout: Layout, line: dict[str, str]) -> None:
    """Sends one line on the topic of the insurance, as its principal, encrypted for records."""
    secrets = Secrets.load(layout.secrets)
    event = seal_report(Keyring.parse(keyrings_of(secrets, "records")[INSURANCE]), clock.new_id(), line)
    producer = AIOKafkaProducer(
        bootstrap_servers=endpoints.read(layout)["kafka"]["bootstrap"],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=MECHANISM,
        sasl_plain_username=INSURANCE,
        sasl_plain_password=secrets.password(f"kafka/{INSURANCE}"),
    )
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event.report_id),
        "ce_type": event.ce_type,
        "ce_source": f"/{INSURANCE}",
        "ce_time": clock.now().isoformat(),
        "ce_subject": event.key,
    }
    await producer.start()
    try:
        await producer.send_and_wait(
            INSURANCE_REIMBURSEMENTS.name,
            event.model_dump_json().encode(),
            key=event.key.encode(),
            headers=[(name, text.encode()) for name, text in headers.items()],
        )
    finally:
        await producer.stop()
