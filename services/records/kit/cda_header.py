"""Parts of the header of CDA documents that this service writes (CI-SIS, Structuration minimale)."""

from typing import Final

from services.records.kit.xml import tag, text
from shared.values import Ins, Sex, StrictTraits

INSURANCE: Final = "318003502400041"
"""The national id of the structure that keeps the records (Assurance Maladie)."""
_NASK: Final = {"nullFlavor": "NASK"}
_GENDERS: Final = {Sex.MALE: ("M", "Masculin"), Sex.FEMALE: ("F", "Féminin"), Sex.UNKNOWN: ("U", "Inconnu")}


def record_target(ins: Ins, traits: StrictTraits) -> str:
    """Returns the person of the document."""
    code, label = _GENDERS[traits.sex or Sex.UNKNOWN]
    given_name = tag("given", text(traits.given_name or ""), qualifier="BR")
    family = tag("family", text(traits.birth_name or ""), qualifier="BR")
    place = tag("place", tag("addr", tag("county", traits.birth_place))) if traits.birth_place else ""
    person = tag(
        "patient",
        tag("name", given_name, family),
        tag("administrativeGenderCode", code=code, displayName=label, codeSystem="2.16.840.1.113883.5.1"),
        tag("birthTime", value=(traits.birth_date or "").replace("-", "")),
        tag("birthplace", place) if place else "",
        classCode="PSN",
    )
    id = tag("id", extension=ins.matricule, root=ins.oid)
    return tag("recordTarget", tag("patientRole", id, tag("addr", **_NASK), tag("telecom", **_NASK), person))


def anonymous_target() -> str:
    """Returns a person of whom nothing is stated: masked, since who asked did not name them."""
    masked = {"nullFlavor": "MSK"}
    person = tag(
        "patient",
        tag("name", **masked),
        tag("administrativeGenderCode", **masked),
        tag("birthTime", **masked),
        classCode="PSN",
    )
    return tag("recordTarget", tag("patientRole", *(tag(name, **masked) for name in ("id", "addr", "telecom")), person))
