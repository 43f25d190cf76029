"""Fills in the invented documents of `documents/`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
_BODY = re.compile(r"<structuredBody.*?</structuredBody>", re.DOTALL)
_TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)


@dataclass(frozen=True)
class Haemoglobin:
    """A result, in the unit of its laboratory, with the laboratory's range."""

    value: str
    unit: str
    low: str
    high: str


def letter(person: InventedPerson, hospital: Structure, now: datetime | None = None) -> bytes:
    """Returns a discharge letter (CDA) about the person, from the hospital; each call makes a new document."""
    return _filled(TEMPLATE, person, hospital, now)


def laboratory_report(person: InventedPerson, hospital: Structure) -> bytes:
    """Returns a laboratory report (CDA) about the person, from the hospital; each call makes a new document."""
    return _filled(REPORT_TEMPLATE, person, hospital)


def vaccination_record(person: InventedPerson, hospital: Structure) -> bytes:
    """Returns a structured record of vaccinations (CDA) of the person; each call makes a new document."""
    return _filled(VACCINATIONS_TEMPLATE, person, hospital)


def haemoglobin_report(person: InventedPerson, hospital: Structure, result: Haemoglobin, day: datetime) -> bytes:
    """Returns a laboratory report (CDA) of a day with one result in codes; each call makes a new document."""
    values = {"VALUE": result.value, "UNIT": result.unit, "LOW": result.low, "HIGH": result.high}
    return _structured(REPORT_TEMPLATE, "haemoglobin", person, hospital, values | {"DAY": f"{day:%Y%m%d}"}, day)


def structured_letter(person: InventedPerson, hospital: Structure, department: str) -> bytes:
    """Returns a discharge letter (CDA) whose body is in codes; each call makes a new document.

    `department`: `cardiology` or `psychiatry`.
    """
    titled = {"cardiology": "Lettre de liaison, cardiologie", "psychiatry": "Lettre de liaison, psychiatrie"}
    content = _structured(TEMPLATE, department, person, hospital, {}).decode()
    return _TITLE.sub(f"<title>{titled[department]}</title>", content, count=1).encode()


def _structured(
    template: Path,
    body: str,
    person: InventedPerson,
    hospital: Structure,
    values: Mapping[str, str],
    now: datetime | None = None,
) -> bytes:
    """Returns a document with the header of a template and the body of `documents/<body>-body.xml`."""
    text = _fill((_DOCUMENTS / f"{body}-body.xml").read_text(encoding="utf-8"), values)
    [structured] = _BODY.findall(text)
    return _BODY.sub(lambda _: structured, _filled(template, person, hospital, now).decode(), count=1).encode()


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", escape(value, {'"': "&quot;"}))
    return text


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
    return _fill(template.read_text(encoding="utf-8"), values).encode()
