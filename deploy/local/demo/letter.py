"""Fills in the invented discharge letter of `documents/`."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xml.sax.saxutils import escape

from deploy.local.demo.credentials import Structure
from deploy.local.demo.people import InventedPerson
from deploy.local.platform.paths import REPOSITORY

TEMPLATE = REPOSITORY / "deploy" / "local" / "demo" / "documents" / "discharge-letter.xml"


def letter(person: InventedPerson, hospital: Structure, now: datetime | None = None) -> bytes:
    """Returns a discharge letter (CDA) about the person, from the hospital; each call makes a new document."""
    moment = now or datetime.now(UTC)
    values = {
        "DOCUMENT_ID": str(uuid4()),
        "SET_ID": str(uuid4()),
        "CREATED": f"{moment:%Y%m%d%H%M%S}+0000",
        "STAY_START": f"{moment - timedelta(days=4):%Y%m%d%H%M%S}+0000",
        "STAY_END": f"{moment - timedelta(hours=2):%Y%m%d%H%M%S}+0000",
        "INS": person.ins,
        "INS_OID": person.oid,
        "BIRTH_NAME": person.birth_name,
        "GIVEN_NAME": person.given_name,
        "BIRTH_DATE": f"{person.birth_date:%Y%m%d}",
        "SEX": "F" if person.sex == "female" else "M",
        "BIRTH_PLACE": person.birth_place,
        "LOCAL_PATIENT_ID": person.ins[5:13],
        "HOSPITAL_OID": "1.2.250.1.213.99.2",
        "HOSPITAL_ID": hospital.id,
        "HOSPITAL_NAME": hospital.name,
        "DOCTOR_ID": "899900000309",
        "DOCTOR_NAME": "ESTREVAL",
        "DOCTOR_GIVEN_NAME": "Maud",
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", escape(value, {'"': "&quot;"}))
    return text.encode()
