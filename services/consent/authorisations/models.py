"""FHIR R4 `Consent` as a profile of an authorisation: one holder, a period, type permit.

A resource with other rules (nested provisions, actions, labels, data) is refused, because they could not be stored.
Source: http://hl7.org/fhir/R4/consent.html.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.consent.authorisations.domain import VersionedAuthorisation, consent_id
from services.consent.choices.domain.choices import has_ended
from shared.errors import ClientError
from shared.fhir.dates import end_of, first_moment
from shared.http.field_errors import fields_message
from shared.moments import Moment
from shared.national_ids import LONGEST_INPUT, NationalIdKind, national_id_kind
from shared.terminology import oids

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
SCOPE_SYSTEM, SCOPE = f"{_TERMINOLOGY}/consentscope", "patient-privacy"
PROFESSIONAL, STRUCTURE = f"urn:oid:{oids.PROFESSIONAL}", f"urn:oid:{oids.STRUCTURE}"
_POLICY: Final = {"coding": [{"system": f"{_TERMINOLOGY}/v3-ActCode", "code": "OPTIN"}]}
_CATEGORY: Final = {"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}
_ROLE: Final = {"coding": [{"system": f"{_TERMINOLOGY}/v3-ParticipationType", "code": "IRCP"}]}
_RECORD: Final = r"^(?:Patient/)?[0-9a-fA-F-]{36}$"


class ConsentInvalidError(ClientError):
    """An authorisation is a Consent with status, scope patient-privacy, patient Patient/<record>, and a provision of
    type permit with one actor by national identifier and at most a period."""

    code = "consent-invalid"
    french = (
        "Une autorisation est un Consent avec status, scope patient-privacy, patient Patient/<dossier> et une "
        "provision de type permit, un seul acteur par identifiant national, et au plus une période."
    )


class _Element(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Coding(_Element):
    system: str
    code: str
    display: str | None = None
    version: str | None = None


class _Concept(_Element):
    coding: tuple[_Coding, ...] = Field(min_length=1, max_length=10)
    text: str | None = None


class _Identifier(_Element):
    system: Literal["urn:oid:1.2.250.1.71.4.2.1", "urn:oid:1.2.250.1.71.4.2.2"]
    value: str = Field(min_length=1, max_length=LONGEST_INPUT)
    use: str | None = None
    type: _Concept | None = None


class _Holder(_Element):
    identifier: _Identifier
    type: str | None = None
    display: str | None = None


class _Actor(_Element):
    role: _Concept
    reference: _Holder


class _Period(_Element):
    """Dates without a time count in France; a day, month or year as the end includes all of it."""

    start: Annotated[Moment, BeforeValidator(first_moment)] | None = None
    end: Annotated[Moment, BeforeValidator(end_of)] | None = None


class _Provision(_Element):
    type: Literal["permit"]
    period: _Period = _Period()
    actor: tuple[_Actor, ...] = Field(min_length=1, max_length=1)


class _Patient(_Element):
    reference: str = Field(pattern=_RECORD)
    type: str | None = None
    display: str | None = None


class ConsentBody(_Element):
    """The elements of a Consent that are read; elements that only describe it are accepted and not stored."""

    resourceType: Literal["Consent"]  # noqa: N815 # as FHIR writes it
    id: str | None = None
    meta: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    language: str | None = None
    status: Literal["active", "inactive"]
    scope: _Concept
    category: tuple[_Concept, ...] = Field(min_length=1, max_length=10)
    patient: _Patient
    dateTime: str | None = None  # noqa: N815 # as FHIR writes it
    performer: tuple[dict[str, Any], ...] = ()
    policyRule: _Concept | None = None  # noqa: N815 # as FHIR writes it
    provision: _Provision

    @property
    def record_id(self) -> UUID:
        """The id of the record, from `patient`."""
        return UUID(self.patient.reference.removeprefix("Patient/"))

    @property
    def grantee_id(self) -> str:
        """The national id of the grantee who may read: PS_IdNat or Struct_IdNat."""
        return self.provision.actor[0].reference.identifier.value

    @property
    def grantee_kind(self) -> NationalIdKind:
        """Whether the grantee is a professional or a structure, from the system of the identifier."""
        system = self.provision.actor[0].reference.identifier.system
        return "professional" if system == PROFESSIONAL else "structure"

    @classmethod
    def read(cls, content: bytes) -> "ConsentBody":
        """Parses JSON. Raises ConsentInvalidError, which names the invalid elements."""
        try:
            body = cls.model_validate(orjson.loads(content))
            UUID(body.patient.reference.removeprefix("Patient/"))
        except ValidationError as error:
            fields = error.errors(include_url=False)
            invalid = ConsentInvalidError(f"{ConsentInvalidError.__doc__} {fields_message(fields, french=False)}")
            invalid.french = f"{ConsentInvalidError.french} {fields_message(fields, french=True)}"
            raise invalid from error
        except ValueError as error:
            raise ConsentInvalidError from error
        if not any((coding.system, coding.code) == (SCOPE_SYSTEM, SCOPE) for coding in body.scope.coding):
            raise ConsentInvalidError
        return body


def consent_resource(record_id: UUID, versioned: VersionedAuthorisation, now: datetime) -> dict[str, Any]:
    """Returns the authorisation as a FHIR resource."""
    authorisation = versioned.authorisation
    period = {
        "start": authorisation.since.isoformat(),
        **({"end": authorisation.until.isoformat()} if authorisation.until else {}),
    }
    is_professional = (
        authorisation.given_by == "professional" or national_id_kind(authorisation.holder_id) == "professional"
    )
    system = PROFESSIONAL if is_professional else STRUCTURE
    return {
        "resourceType": "Consent",
        "id": consent_id(record_id, authorisation.holder_id, is_next=versioned.is_next),
        "meta": {"versionId": versioned.version, "lastUpdated": versioned.changed_at.isoformat()},
        "status": "inactive" if has_ended(authorisation, now) else "active",
        "scope": {"coding": [{"system": SCOPE_SYSTEM, "code": SCOPE}]},
        "category": [_CATEGORY],
        "patient": {"reference": f"Patient/{record_id}"},
        "dateTime": authorisation.since.isoformat(),
        "policyRule": _POLICY,
        "provision": {
            "type": "permit",
            "period": period,
            "actor": [
                {"role": _ROLE, "reference": {"identifier": {"system": system, "value": authorisation.holder_id}}}
            ],
        },
    }


def narrative(words: str) -> dict[str, str]:
    """Returns a FHIR narrative with this text."""
    return {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'}


def searchset(resources: list[dict[str, Any]], base: str, used: dict[str, str | None]) -> dict[str, Any]:
    """Returns a Bundle of the resources, with the parameters that were used in its link `self` (FHIR R4,
    search.html#conformance). FHIR permits no empty arrays: without resources there is no `entry`."""
    query = urlencode({name: value for name, value in used.items() if value is not None})
    link = [{"relation": "self", "url": f"{base}fhir/Consent?{query}"}]
    entries = [
        {"fullUrl": f"{base}fhir/Consent/{resource['id']}", "resource": resource, "search": {"mode": "match"}}
        for resource in resources
    ]
    entry_element = {"entry": entries} if entries else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "link": link, **entry_element}
