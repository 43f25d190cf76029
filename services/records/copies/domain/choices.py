"""The patient's choices, read from the local copy of consent's state, and the rights that they give one requester.

The copy stores the JSON of `ConsentStateChanged`. It is read without building Pydantic models, because every read of a
record reads it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from shared.contracts.consent import ConsentStateChanged, EmergencyChoices

AuthorisationStatus = Literal["none", "future", "expired", "valid"]
STORED_MEMBERS = frozenset(
    {
        "blocked",
        "emergency",
        "authorisations",
        "attending_doctors",
        "care_team_objected",
        "hidden_sections",
        "applications",
        "mask_new_documents",
    }
)
"""The members of the event that the copy stores; `authorised` is turned into authorisations."""
_BEST_FIRST: tuple[AuthorisationStatus, ...] = ("valid", "future", "expired")
_UNSET = EmergencyChoices()
_BEGINNING_OF_TIME = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of one record. `authorisations` stay in the event's JSON form.

    `applications`: application id -> sections that the application may see. `mask_new_documents`: what is new is hidden
    from professionals; so it is where this choice is not known, as in copies of old releases.
    """

    authorisations: tuple[Mapping[str, Any], ...] = ()
    blocked: frozenset[str] = frozenset()
    attending_doctors: frozenset[str] = frozenset()
    care_team_objected: bool = False
    emergency: EmergencyChoices = _UNSET
    hidden_sections: frozenset[str] = frozenset()
    applications: Mapping[str, frozenset[str]] | None = None
    mask_new_documents: bool = True

    def authorisation_of(self, grantees: Iterable[str], now: datetime) -> AuthorisationStatus:
        """Returns the best status of the patient side's authorisations of these grantees: valid, future, then expired.

        "none" where none of them has an authorisation.
        """
        return _best(grant.status for grant in self._grants_to(grantees, now) if not grant.is_attestation)

    def care_team_of(self, structure_id: str | None, now: datetime) -> AuthorisationStatus:
        """Returns the best status of this structure's care-team attestations, in the order of `authorisation_of`."""
        grantees = () if structure_id is None else (structure_id,)
        return _best(grant.status for grant in self._grants_to(grantees, now) if grant.is_attestation)

    def without_expired(self, now: datetime) -> "Choices":
        """Returns these choices without the authorisations that have ended."""
        remaining = (
            authorisation
            for authorisation in self.authorisations
            if period_status(authorisation["from"], authorisation.get("until"), now) != "expired"
        )
        return replace(self, authorisations=tuple(remaining))

    def _grants_to(self, grantees: Iterable[str], now: datetime) -> list["_Grant"]:
        sought = frozenset(grantees)
        return [
            _Grant(
                is_attestation=authorisation.get("how") == "care-team",
                status=period_status(authorisation["from"], authorisation.get("until"), now),
            )
            for authorisation in self.authorisations
            if authorisation["holder_id"] in sought
        ]


class _Grant(NamedTuple):
    """An authorisation of a grantee, or an attestation of a structure's own care team, with its status."""

    is_attestation: bool
    status: AuthorisationStatus


NO_CHOICES = Choices()


def period_status(since: str, until: str | None, now: datetime) -> AuthorisationStatus:
    """Returns the status at `now` of a period from `since` (included) to `until` (excluded), both ISO 8601."""
    if now < datetime.fromisoformat(since):
        return "future"
    return "expired" if until is not None and datetime.fromisoformat(until) <= now else "valid"


def stored_choices(event: ConsentStateChanged) -> dict[str, Any]:
    """Returns the part of an event that the copy stores.

    An event of an old release has `authorised` instead of `authorisations`: these become authorisations without an end.
    """
    members = event.model_dump(mode="json", by_alias=True, include=set(STORED_MEMBERS))
    if event.authorisations is None:
        members["authorisations"] = _unlimited_authorisations(event.authorised)
    return members


def choices_of(stored: Mapping[str, Any]) -> Choices:
    """Returns the choices from the copy's JSON.

    The JSON is what `stored_choices` returns, or what an old release stored: `authorised`, `blocked` and `emergency`.
    """
    authorisations = stored.get("authorisations")
    if authorisations is None:
        authorisations = _unlimited_authorisations(stored.get("authorised", ()))
    return Choices(
        authorisations=tuple(authorisations),
        blocked=frozenset(stored.get("blocked", ())),
        attending_doctors=frozenset(stored.get("attending_doctors", ())),
        care_team_objected=bool(stored.get("care_team_objected", False)),
        emergency=_emergency_choices(stored.get("emergency", {})),
        hidden_sections=frozenset(stored.get("hidden_sections", ())),
        applications={
            application["application_id"]: frozenset(application["sections"])
            for application in stored.get("applications", ())
        },
        mask_new_documents=bool(stored.get("mask_new_documents", True)),
    )


def _emergency_choices(stored: Mapping[str, bool]) -> EmergencyChoices:
    return _UNSET.model_copy(update={name: stored[name] for name in EmergencyChoices.model_fields if name in stored})


def _unlimited_authorisations(authorised: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"holder_id": grantee_id, "from": _BEGINNING_OF_TIME, "until": None, "how": "online"}
        for grantee_id in authorised
    ]


def _best(statuses: Iterable[AuthorisationStatus]) -> AuthorisationStatus:
    present = frozenset(statuses)
    return next((status for status in _BEST_FIRST if status in present), "none")
