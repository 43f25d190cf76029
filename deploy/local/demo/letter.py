"""Fills in the invented documents of `documents/`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from xml.sax.saxutils import escape

from deploy.local.demo.credentials import Structure
from deploy.local.demo.people import InventedPerson
from deploy.local.platform.paths import REPOSITORY

_DOCUMENTS = REPOSITORY / "deploy" / "local" / "demo" / "documents"
TEMPLATE = _DOCUMENTS / "discharge-letter.xml"
REPORT_TEMPLATE = _DOCUMENTS / "laboratory-report.xml"
VACCINATIONS_TEMPLATE = _DOCUMENTS / "vaccination-record.xml"


def letter(person: InventedPerson, hospital: Structure, now: datetime | None = None) -> bytes:
    """Returns a discharge letter (CDA) about the person, from the hospital; each call makes a new document."""
    return _filled(TEMPLATE, person, hospital, now)


def laboratory_report(person: InventedPerson, hospital: Structure) -> bytes:
    """Returns a laboratory report (CDA) about the person, from the hospital; each call makes a new document."""
    return _filled(REPORT_TEMPLATE, person, hospital)


def vaccination_record(person: InventedPerson, hospital: Structure) -> bytes:
    """Returns a structured record of vaccinations (CDA) of the person; each call makes a new document."""
    return _filled(VACCINATIONS_TEMPLATE, person, hospital)


def _filled(template: Path, person: InventedPerson, hospital: Structure, now: datetime | None = None) -> bytes:
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
    text = template.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", escape(value, {'"': "&quot;"}))
    return text.encode()
