"""The whole document: header, the statement on use, and a section for each kind of care.

Its bytes depend on its content alone: its identifier is a hash of it, its time is the last day of the period.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.records.kit.cda_header import INSURANCE, record_target
from services.records.kit.xml import tag, templates, text
from services.records.reimbursements.domain.cda.entries import day
from services.records.reimbursements.domain.cda.sections import SECTIONS, written
from services.records.reimbursements.domain.history import StoredCare
from shared.runtime import clock
from shared.terminology.oids import CONFIDENTIALITY, LOINC, PROFESSIONAL, STRUCTURE, TRE_A05
from shared.values import Ins, StrictTraits

_AUTHOR: Final = "518003502400041/1.2.250.1.215.1.2"
_NASK: Final = {"nullFlavor": "NASK"}
_MENTION: Final = (
    "Les données affichées sont le reflet des informations issues des procédures de remboursement ou de prise en "
    "charge détenues par l’Assurance Maladie pour la période de soins référencée.",
    "Elles sont fournies à titre purement informatif et leur exhaustivité ne peut être garantie, notamment en cas de "
    "changement administratif durant cette période de soins.",
    "Toute interprétation ou toute décision, de quelle que nature que ce soit, se basant sur ces données relève de la "
    "seule responsabilité de la personne qui les consulte.",
)


@dataclass(frozen=True, slots=True)
class Patient:
    """The person of the record, as the caller names them and as the record confirms."""

    ins: Ins
    traits: StrictTraits


def document(patient: Patient, lines: Sequence[StoredCare], first: date, last: date) -> bytes:
    """Returns the document about care from `first` to `last` in UTF-8. `lines`: newest care first."""
    body = tag(
        "component",
        tag(
            "structuredBody",
            _usage(),
            *(written(section, [line for line in lines if line.care.kind == section.kind]) for section in SECTIONS),
        ),
    )
    rest = _parties(patient, first, last) + body
    id = clock.hashed_id(rest.encode())
    return _envelope(id, last, rest).encode()


def _envelope(id: UUID, last: date, rest: str) -> str:
    root = str(id).upper()
    children = (
        tag("realmCode", code="FR"),
        tag("typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        templates("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1"),
        tag("templateId", root="1.2.250.1.213.1.1.1.36", extension="2021.01"),
        tag("id", root=root),
        tag("code", code="REMB", codeSystem=TRE_A05, displayName="Données de remboursement"),
        tag("title", "Données de remboursement"),
        tag("effectiveTime", value=_moment(last)),
        tag(
            "confidentialityCode",
            code="N",
            displayName="Normal",
            codeSystem=CONFIDENTIALITY,
            codeSystemName="Confidentiality",
        ),
        tag("languageCode", code="fr-FR"),
        tag("setId", root=root),
        tag("versionNumber", value="1"),
        rest,
    )
    spaces = 'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    content = "".join(children)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument {spaces}>{content}</ClinicalDocument>\n'


def _parties(patient: Patient, first: date, last: date) -> str:
    insurance = tag("id", root=STRUCTURE, extension=INSURANCE) + tag("name", "Assurance Maladie")
    author_id = tag("id", root=PROFESSIONAL, extension=_AUTHOR)
    nowhere = tag("addr", **_NASK) + tag("telecom", **_NASK)
    device = tag("manufacturerModelName", ".") + tag("softwareName", "Assurance Maladie")
    origin = tag(
        "code",
        code="ALIM_AM",
        displayName="Alimentation automatique à partir du Système d'Information de l'Assurance Maladie",
        codeSystem="1.2.250.1.213.1.1.4.6",
    )
    author = tag(
        "assignedAuthor",
        *(author_id, origin, nowhere, tag("assignedAuthoringDevice", device)),
        tag("representedOrganization", insurance),
    )
    person = tag("assignedPerson", tag("name", tag("given", "."), tag("family", "Assurance Maladie")))
    time = tag("time", value=_moment(last))
    custodian = tag("assignedCustodian", tag("representedCustodianOrganization", insurance))
    return "".join(
        (
            record_target(patient.ins, patient.traits),
            tag("author", time, author),
            tag("custodian", custodian),
            tag(
                "legalAuthenticator",
                *(time, tag("signatureCode", code="S"), tag("assignedEntity", author_id, nowhere, person)),
            ),
            _service_event(first, last),
            _encounter(),
        )
    )


def _service_event(first: date, last: date) -> str:
    period = tag("effectiveTime", tag("low", value=day(first)), tag("high", value=day(last)))
    sector = tag(
        "standardIndustryClassCode",
        code="AMO",
        displayName="Organisme d'assurance maladie obligatoire",
        codeSystem="1.2.250.1.213.1.1.4.9",
    )
    entity = tag("assignedEntity", tag("id", nullFlavor="NA"), tag("representedOrganization", sector))
    return tag("documentationOf", tag("serviceEvent", period, tag("performer", entity, typeCode="PRF")))


def _encounter() -> str:
    code = tag("code", code="SA24", displayName="Organisme de sécurité sociale", codeSystem="1.2.250.1.71.4.2.4")
    location = tag("location", tag("healthCareFacility", code))
    return tag("componentOf", tag("encompassingEncounter", tag("effectiveTime", nullFlavor="NA"), location))


def _usage() -> str:
    models = templates("2.16.840.1.113883.10.12.201", "1.3.6.1.4.1.19376.1.4.1.2.16", "1.2.250.1.213.1.1.2.73")
    code = tag("code", code="55112-7", displayName="Commentaire", codeSystem=LOINC, codeSystemName="LOINC")
    mention = tag("text", "<br/>".join(map(text, _MENTION)), ID="mention")
    return tag("component", tag("section", models, code, tag("title", "Usage et Responsabilités"), mention))


def _moment(last: date) -> str:
    return f"{day(last)}000000+0000"
