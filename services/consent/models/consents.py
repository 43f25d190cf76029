"""FHIR R4 `Consent`, as narrow as an authorisation is: one holder, a period, permit.

What would say more (nested provisions, actions, labels, data) is refused, not passed over: it could not be kept.
Source: http://hl7.org/fhir/R4/consent.html.
"""

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.consent.domain.choices import is_over
from services.consent.domain.consents import Shown, consent_id
from shared.contracts.base import CODE_PATTERN
from shared.errors import ClientError
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
    value: str = Field(pattern=CODE_PATTERN, max_length=64)
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
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None


class _Provision(_Element):
    type: Literal["permit"]
    period: _Period = _Period()
    actor: tuple[_Actor, ...] = Field(min_length=1, max_length=1)


class _Patient(_Element):
    reference: str = Field(pattern=_RECORD)
    type: str | None = None
    display: str | None = None


class ConsentBody(_Element):
    """What is read of a Consent; elements that only describe it are taken and not kept."""

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
        """The record that it is about."""
        return UUID(self.patient.reference.removeprefix("Patient/"))

    @property
    def holder_id(self) -> str:
        """PS_IdNat or Struct_IdNat of the one who may read."""
        return self.provision.actor[0].reference.identifier.value

    @classmethod
    def read(cls, content: bytes) -> "ConsentBody":
        """From JSON. Raises ConsentInvalidError, which names the elements."""
        try:
            body = cls.model_validate(orjson.loads(content))
            UUID(body.patient.reference.removeprefix("Patient/"))
        except ValidationError as error:
            places = sorted({".".join(str(part) for part in one["loc"][:6]) for one in error.errors()[:10]})
            invalid = ConsentInvalidError(f"{ConsentInvalidError.__doc__} Look at: {', '.join(places)}")
            invalid.french = f"{ConsentInvalidError.french} À revoir : {', '.join(places)}"
            raise invalid from error
        except ValueError as error:
            raise ConsentInvalidError from error
        if not any((one.system, one.code) == (SCOPE_SYSTEM, SCOPE) for one in body.scope.coding):
            raise ConsentInvalidError
        return body


def consent_resource(record_id: UUID, shown: Shown, now: datetime) -> dict[str, Any]:
    """The authorisation as a resource."""
    one = shown.given
    period = {"start": one.since.isoformat(), **({"end": one.until.isoformat()} if one.until else {})}
    system = PROFESSIONAL if one.given_by == "professional" or one.holder_id.startswith("8") else STRUCTURE
    return {
        "resourceType": "Consent",
        "id": consent_id(record_id, one.holder_id),
        "meta": {"versionId": shown.version, "lastUpdated": shown.changed_at.isoformat()},
        "status": "inactive" if is_over(one, now) else "active",
        "scope": {"coding": [{"system": SCOPE_SYSTEM, "code": SCOPE}]},
        "category": [_CATEGORY],
        "patient": {"reference": f"Patient/{record_id}"},
        "dateTime": one.since.isoformat(),
        "policyRule": _POLICY,
        "provision": {
            "type": "permit",
            "period": period,
            "actor": [{"role": _ROLE, "reference": {"identifier": {"system": system, "value": one.holder_id}}}],
        },
    }


def searchset(resources: list[dict[str, Any]], base: str) -> dict[str, Any]:
    """A Bundle of what was found; nothing in FHIR is empty, so without any it has no `entry`."""
    entries = [
        {"fullUrl": f"{base}fhir/Consent/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in resources
    ]
    found = {"entry": entries} if entries else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), **found}
