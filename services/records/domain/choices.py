"""What a person chose, as the copy holds it, and what follows from it for one who asks.

The copy keeps the JSON of `ConsentStateChanged`; it is looked at without building models, because every read does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from shared.contracts.consent import ConsentStateChanged, EmergencyChoices

Standing = Literal["none", "future", "expired", "valid"]
KEPT = frozenset(
    {
        "blocked",
        "emergency",
        "authorisations",
        "attending_doctors",
        "care_team_objected",
        "hidden_sections",
        "applications",
    }
)
"""The members of the event that a read may rest on; `authorised` is turned into authorisations."""
_BETTER: tuple[Standing, ...] = ("valid", "future", "expired")
_UNSET = EmergencyChoices()
_BEFORE_ALL = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of one record. Authorisations and applications as the event writes them in JSON."""

    authorisations: tuple[Mapping[str, Any], ...] = ()
    blocked: frozenset[str] = frozenset()
    attending_doctors: frozenset[str] = frozenset()
    care_team_objected: bool = False
    emergency: EmergencyChoices = _UNSET
    hidden_sections: frozenset[str] = frozenset()
    applications: Mapping[str, frozenset[str]] | None = None

    def authorisation_of(self, holders: Iterable[str], now: datetime) -> Standing:
        """The best that the person's side gave to one of these: a valid one, else one to come, else one that was."""
        return _best(one for one in self._given_to(holders, now) if one[0] != "care-team")

    def care_team_of(self, structure_id: str | None, now: datetime) -> Standing:
        """The same of what a structure attested of its own care team."""
        holders = () if structure_id is None else (structure_id,)
        return _best(one for one in self._given_to(holders, now) if one[0] == "care-team")

    def lasting(self, now: datetime) -> "Choices":
        """Without what has ended."""
        left = (one for one in self.authorisations if standing(one["from"], one.get("until"), now) != "expired")
        return replace(self, authorisations=tuple(left))

    def _given_to(self, holders: Iterable[str], now: datetime) -> list[tuple[str, Standing]]:
        wanted = frozenset(holders)
        return [
            (one.get("how", "online"), standing(one["from"], one.get("until"), now))
            for one in self.authorisations
            if one["holder_id"] in wanted
        ]


NO_CHOICES = Choices()


def standing(since: str, until: str | None, now: datetime) -> Standing:
    """Where a moment lies to a stretch of time; the end is no part of it."""
    if now < datetime.fromisoformat(since):
        return "future"
    return "expired" if until is not None and datetime.fromisoformat(until) <= now else "valid"


def kept_of(event: ConsentStateChanged) -> dict[str, Any]:
    """What the copy keeps of an event. An old sender's `authorised` become authorisations without an end."""
    kept = event.model_dump(mode="json", by_alias=True, include=set(KEPT))
    if event.authorisations is None:
        kept["authorisations"] = _of_old(event.authorised)
    return kept


def choices_of(kept: Mapping[str, Any]) -> Choices:
    """What `kept_of` gave, or what stood in the copy before it: authorised, blocked and emergency alone."""
    authorisations = kept.get("authorisations")
    if authorisations is None:
        authorisations = _of_old(kept.get("authorised", ()))
    return Choices(
        authorisations=tuple(authorisations),
        blocked=frozenset(kept.get("blocked", ())),
        attending_doctors=frozenset(kept.get("attending_doctors", ())),
        care_team_objected=bool(kept.get("care_team_objected", False)),
        emergency=_emergency(kept.get("emergency", {})),
        hidden_sections=frozenset(kept.get("hidden_sections", ())),
        applications={one["application_id"]: frozenset(one["sections"]) for one in kept.get("applications", ())},
    )


def _emergency(kept: Mapping[str, bool]) -> EmergencyChoices:
    return _UNSET.model_copy(update={name: kept[name] for name in EmergencyChoices.model_fields if name in kept})


def _of_old(authorised: Iterable[str]) -> list[dict[str, Any]]:
    return [{"holder_id": one, "from": _BEFORE_ALL, "until": None, "how": "online"} for one in authorised]


def _best(found: Iterable[tuple[str, Standing]]) -> Standing:
    standings = {standing for _, standing in found}
    return next((one for one in _BETTER if one in standings), "none")
