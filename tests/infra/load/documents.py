"""Invented persons and documents for load: CDA of 20 to 100 KB that compress like real ones, in ITI-65 bundles."""

import base64
import hashlib
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import orjson

from shared.terminology import oids
from shared.values import ins_key

SMALLEST, LARGEST = 20_000, 100_000
ORGANISATION = "1990000001"
AUTHOR = "899900000018"
CLINIC = "Hôpital du Banc d'Essai"
TYPE, TYPE_SYSTEM = "11488-4", oids.LOINC_SYSTEM
_CDA_PARAGRAPH = 300
_TEXT = (
    "patient examen clinique ce jour sans particularité douleur abdominale fièvre absente tension artérielle pouls "
    "régulier auscultation normale bilan biologique prescrit traitement poursuivi consultation de contrôle prévue dans "
    "trois mois antécédents familiaux allergie connue pénicilline surveillance hebdomadaire glycémie capillaire poids "
    "stable appétit conservé sommeil correct kinésithérapie reprise activité progressive radiographie thoracique "
    "échographie cardiaque fraction éjection préservée souffle systolique discret membres inférieurs œdème modéré"
)
_WORDS = _TEXT.split()


@dataclass(frozen=True)
class Person:
    """An invented person with a test INS (1.2.250.1.213.1.4.10) and its correct key. `record_id` is set once it is
    open."""

    number: int
    record_id: UUID | None = None

    @property
    def ins(self) -> str:
        """The INS of 15 characters; its place of birth is abroad (99), so that it names no commune."""
        year, month = f"{self.birth_date:%y}", f"{self.birth_date:%m}"
        stem = f"{1 + self.number % 2}{year}{month}99{self.number // 1000 % 1000:03d}{self.number % 1000:03d}"
        return stem + ins_key(stem)

    @property
    def birth_date(self) -> date:
        """A day between 1930 and 2010."""
        return date(1930, 1, 1) + timedelta(days=self.number * 37 % 29_000)

    @property
    def birth_name(self) -> str:
        """A name of letters only, different for each number."""
        letters, rest = "", self.number
        for _ in range(5):
            letters, rest = letters + string.ascii_uppercase[rest % 26], rest // 26
        return f"BANC-{letters}"

    @property
    def given_name(self) -> str:
        """One of four given names."""
        return ("DOMINIQUE", "CAMILLE", "CLAUDE", "ANDREA")[self.number % 4]

    @property
    def sex(self) -> str:
        """The sex that the first digit of the INS states."""
        return ("male", "female")[self.number % 2]

    @property
    def opening(self) -> dict[str, object]:
        """The body of `POST /records`."""
        return {
            "ins": {"value": self.ins, "oid": oids.INS_NIR_TEST},
            "traits": {
                "birth_name": self.birth_name,
                "given_name": self.given_name,
                "birth_date": self.birth_date.isoformat(),
                "sex": self.sex,
            },
            "contact": {
                "mail": f"person.{self.number}@patient.example",
                "language": ("fr", "en")[self.number % 2],
                "relation": "holder",
            },
        }


def make_content(source: random.Random, person: Person, unique_id: UUID, size: int, made_at: datetime) -> bytes:
    """Returns a CDA document of about `size` bytes: a correct header, then sections of text, entries and invented
    values."""
    parts = [_header(person, unique_id, made_at)]
    length = len(parts[0])
    while length < size - 400:
        parts.append(_section(source))
        length += len(parts[-1])
    return ("".join(parts) + "</structuredBody></component></ClinicalDocument>\n").encode()


def _header(person: Person, unique_id: UUID, made_at: datetime) -> str:
    sex = "F" if person.sex == "female" else "M"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="FR"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/>
  <id root="{str(unique_id).upper()}"/>
  <code code="{TYPE}" codeSystem="{oids.LOINC}" displayName="CR ou fiche de consultation ou de visite"/>
  <title>Compte rendu de consultation</title>
  <effectiveTime value="{made_at:%Y%m%d%H%M%S}+0000"/>
  <confidentialityCode code="N" codeSystem="{oids.CONFIDENTIALITY}"/>
  <languageCode code="fr-FR"/>
  <setId root="{str(unique_id).upper()}"/>
  <versionNumber value="1"/>
  <recordTarget><patientRole>
    <id root="{oids.INS_NIR_TEST}" extension="{person.ins}"/>
    <patient>
      <name><given qualifier="BR">{person.given_name}</given><family qualifier="BR">{person.birth_name}</family></name>
      <administrativeGenderCode code="{sex}" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="{person.birth_date:%Y%m%d}"/>
    </patient>
  </patientRole></recordTarget>
  <author><time value="{made_at:%Y%m%d%H%M%S}+0000"/><assignedAuthor>
    <id root="{oids.PROFESSIONAL}" extension="{AUTHOR}"/>
    <code code="G15_10/SM26" codeSystem="{oids.TRE_A02}" displayName="Médecin - Qualifié en médecine générale (SM)"/>
    <assignedPerson><name><prefix>DR</prefix><given>SACHA</given><family>ESSAI</family></name></assignedPerson>
    <representedOrganization><id root="{oids.STRUCTURE}" extension="{ORGANISATION}"/><name>{CLINIC}</name>
    </representedOrganization>
  </assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="{oids.STRUCTURE}" extension="{ORGANISATION}"/><name>{CLINIC}</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <documentationOf><serviceEvent>
    <effectiveTime><low value="{made_at:%Y%m%d%H%M%S}+0000"/></effectiveTime>
  </serviceEvent></documentationOf>
  <component><structuredBody>
"""


def _section(source: random.Random) -> str:
    words = " ".join(source.choices(_WORDS, k=_CDA_PARAGRAPH // 8))
    value, number = source.randrange(40, 200), source.getrandbits(48)
    return f"""    <component><section>
      <templateId root="1.3.6.1.4.1.19376.1.5.3.1.3.4"/>
      <code code="10164-2" codeSystem="{oids.LOINC}" displayName="Histoire de la maladie"/>
      <title>Histoire de la maladie</title>
      <text><paragraph>{words.capitalize()}.</paragraph></text>
      <entry><observation classCode="OBS" moodCode="EVN">
        <templateId root="1.3.6.1.4.1.19376.1.5.3.1.4.13"/>
        <id root="1.2.250.1.999.1.1.9176.3" extension="{number:012x}"/>
        <code code="8480-6" codeSystem="{oids.LOINC}" displayName="Pression artérielle systolique"/>
        <statusCode code="completed"/>
        <value xsi:type="PQ" value="{value}" unit="mm[Hg]"/>
      </observation></entry>
    </section></component>
"""


def make_bundle(person: Person, unique_id: UUID, content: bytes, made_at: datetime) -> bytes:
    """Returns the ITI-65 transaction that deposits the content."""
    subject = {"reference": f"Patient?identifier=urn:oid:{oids.INS_NIR_TEST}|{person.ins}"}
    submission_set, reference, binary = (
        f"urn:uuid:0d9c3ac0-1d1c-4b5e-8f0a-00000000000{number}" for number in (1, 2, 3)
    )
    data = base64.b64encode(content).decode()
    entries = [
        ("List", submission_set, _submission_set(unique_id, subject, reference, made_at)),
        ("DocumentReference", reference, _reference(person, unique_id, content, binary, made_at)),
        ("Binary", binary, {"resourceType": "Binary", "contentType": "text/xml", "data": data}),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": kind}}
            for kind, url, resource in entries
        ],
    }
    return orjson.dumps(bundle)


def _submission_set(unique_id: UUID, subject: dict[str, str], item: str, made_at: datetime) -> dict[str, object]:
    return {
        "resourceType": "List",
        "extension": [
            {
                "url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId",
                "valueIdentifier": {"system": oids.URI, "value": "urn:oid:1.2.250.1.999.1.1.9176"},
            }
        ],
        "identifier": [{"use": "usual", "system": oids.URI, "value": f"urn:uuid:{unique_id}"}],
        "status": "current",
        "mode": "working",
        "code": {
            "coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}]
        },
        "subject": subject,
        "date": made_at.isoformat(),
        "entry": [{"item": {"reference": item}}],
    }


def _reference(person: Person, unique_id: UUID, content: bytes, url: str, made_at: datetime) -> dict[str, object]:
    moment = made_at.isoformat()
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    return {
        "resourceType": "DocumentReference",
        "contained": [_patient(person), _author()],
        "masterIdentifier": {"system": oids.URI, "value": f"urn:uuid:{unique_id}"},
        "status": "current",
        "type": {"coding": [{"system": TYPE_SYSTEM, "code": TYPE}]},
        "category": [{"coding": [{"system": oids.TRE_A03_SYSTEM, "code": "10"}]}],
        "subject": {"reference": f"Patient?identifier=urn:oid:{oids.INS_NIR_TEST}|{person.ins}"},
        "date": moment,
        "author": [{"reference": "#author"}],
        "custodian": {"identifier": {"system": f"urn:oid:{oids.STRUCTURE}", "value": ORGANISATION}},
        "securityLabel": [{"coding": [{"system": oids.CONFIDENTIALITY_SYSTEM, "code": "N"}]}],
        "content": [
            {
                "attachment": {
                    "contentType": "text/xml",
                    "language": "fr-FR",
                    "url": url,
                    "size": len(content),
                    "hash": base64.b64encode(digest).decode(),
                    "title": "Compte rendu de consultation",
                    "creation": moment,
                },
                "format": {"system": oids.TRE_A11_SYSTEM, "code": "urn:ihe:iti:xds-sd:text:2008"},
            }
        ],
        "context": {
            "period": {"start": moment},
            "facilityType": {"coding": [{"system": oids.TRE_R02_SYSTEM, "code": "SA01"}]},
            "practiceSetting": {"coding": [{"system": oids.TRE_A01_SYSTEM, "code": "ETABLISSEMENT"}]},
            "sourcePatientInfo": {"reference": "#patient"},
        },
    }


def _patient(person: Person) -> dict[str, object]:
    return {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [{"system": f"urn:oid:{oids.INS_NIR_TEST}", "value": person.ins}],
        "name": [{"use": "official", "family": person.birth_name, "given": [person.given_name]}],
        "gender": person.sex,
        "birthDate": person.birth_date.isoformat(),
    }


def _author() -> dict[str, object]:
    return {
        "resourceType": "Practitioner",
        "id": "author",
        "identifier": [{"system": f"urn:oid:{oids.PROFESSIONAL}", "value": AUTHOR}],
        "name": [{"family": "ESSAI", "given": ["Sacha"]}],
    }


@dataclass(frozen=True)
class Place:
    """The position of a prepared body in the file, and its person."""

    person: int
    start: int
    length: int
    content: int


def build_bodies(path: Path, persons: list[Person], count: int, seed: int) -> Iterator[Place]:
    """Writes `count` bundles one after another into the file and yields their places: persons in turn, sizes spread
    evenly."""
    source = random.Random(seed)
    made_at = datetime.now(UTC).replace(microsecond=0)
    at = 0
    with path.open("wb") as file:
        for index in range(count):
            person = persons[index % len(persons)]
            unique_id = UUID(int=source.getrandbits(128), version=4)
            content = make_content(source, person, unique_id, source.randint(SMALLEST, LARGEST), made_at)
            body = make_bundle(person, unique_id, content, made_at)
            file.write(body)
            yield Place(index % len(persons), at, len(body), len(content))
            at += len(body)
