"""CDAs of invented persons with whole headers, as the doors other than POST /fhir need them."""

from uuid import UUID

from shared.terminology import oids
from tests.infra.load.documents import Person
from tests.infra.records.records_api import DOCTOR, HOSPITAL

_TEMPLATE = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.2.8.2.1"/><templateId root="1.2.250.1.213.1.1.1.1"/>
  <id root="{id}"/>
  <code code="{type}" codeSystem="2.16.840.1.113883.6.1" displayName="CR d'imagerie"/>
  <title>Imagerie inventée</title><effectiveTime value="20261001093000+0200"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
  <recordTarget><patientRole>{ins}
    <id root="1.2.250.1.213.99.7" extension="IPP-4711"/>
    <patient><name><given>{given_name}</given><given qualifier="BR">{given_name}</given>
      <family qualifier="BR">{birth_name}</family></name>
      <administrativeGenderCode code="{sex}" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="{birth_date}"/>
      <birthplace><place><addr><county>99100</county></addr></place></birthplace></patient></patientRole></recordTarget>
  <author><time value="20261001093000+0200"/><assignedAuthor>
    <id root="1.2.250.1.71.4.2.1" extension="{doctor}"/>
    <code code="G15_10/SM44" codeSystem="1.2.250.1.213.1.1.4.5" displayName="Médecin - Radiologie"/>
    <assignedPerson><name><prefix>DR</prefix><given>Camille</given><family>INVENTÉE</family></name></assignedPerson>
    <representedOrganization><id root="1.2.250.1.71.4.2.2" extension="{structure}"/>
      <name>Hôpital inventé</name></representedOrganization></assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.250.1.71.4.2.2" extension="{structure}"/><name>Hôpital inventé</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <legalAuthenticator><time value="20261001093000+0200"/><signatureCode code="S"/><assignedEntity>
    <id root="1.2.250.1.71.4.2.1" extension="{doctor}"/>
    <assignedPerson><name><given>Camille</given><family>INVENTÉE</family></name></assignedPerson>
  </assignedEntity></legalAuthenticator>
  <documentationOf><serviceEvent><code code="ZBQK002" codeSystem="1.2.250.1.213.2.5" displayName="Radiographie"/>
    <effectiveTime><low value="20261001090000+0200"/></effectiveTime>
    <performer typeCode="PRF"><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="{doctor}"/>
      <representedOrganization><standardIndustryClassCode code="{practice}" codeSystem="1.2.250.1.213.1.1.4.9"/>
      </representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>{relation}
  <componentOf><encompassingEncounter><effectiveTime><low value="20261001090000+0200"/></effectiveTime>
    <location><healthCareFacility><code code="SA01" codeSystem="1.2.250.1.71.4.2.4"/></healthCareFacility></location>
  </encompassingEncounter></componentOf>
  <component>{body}</component>
</ClinicalDocument>
"""
_BODY = """<structuredBody><component><section><title>Résultat</title><text>{text}</text></section></component>
  </structuredBody>"""


def a_cda(person: Person, unique_id: UUID, *, replaces: UUID | None = None, **changed: str) -> bytes:
    """Returns an imaging report of the person, by DOCTOR of HOSPITAL.

    `changed`: `ins` (the element, may be empty), `birth_name`, `type`, `text`, `body`, `practice` and other parts.
    """
    text = changed.pop("text", "Rien à signaler : é, è, €.")
    values = {
        "id": str(unique_id),
        "type": "18748-4",
        "ins": f'<id root="{oids.INS_NIR_TEST}" extension="{person.ins}"/>',
        "given_name": person.given_name,
        "birth_name": person.birth_name,
        "sex": "F" if person.sex == "female" else "M",
        "birth_date": f"{person.birth_date:%Y%m%d}",
        "doctor": DOCTOR,
        "structure": HOSPITAL,
        "practice": "ETABLISSEMENT",
        "body": _BODY.format(text=text),
        "relation": _relation(replaces),
    } | changed
    return _TEMPLATE.format(**values).encode()


def _relation(replaces: UUID | None) -> str:
    if replaces is None:
        return ""
    return (
        f'<relatedDocument typeCode="RPLC"><parentDocument><id root="{replaces}"/></parentDocument></relatedDocument>'
    )
