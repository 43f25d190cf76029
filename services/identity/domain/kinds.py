"""Which kinds of actors there are, what each may hold, and who never gets an account.

Code de la santé publique L1111-18: insurers, mutuelles, banks and employers have no access, not even with consent.
Occupational medicine (L1111-17 IV) neither, while its parameter stands on never. Activities: NAF rev. 2 (INSEE);
sectors: TRE_R02-SecteurActivite. What is not known to be care is refused.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from shared.errors import ForbiddenError, InvalidError

OccupationalMedicine = Literal["never", "allowed"]
"""The values of the national parameter on occupational medicine."""

CREATION, FEEDING, CONSULTATION = "records.open", "documents.deposit", "documents.read"
ASSIST, CAMPAIGNS = "records.assist", "campaigns.run"
"""Opening with help at a counter (a care home's software, a fund's agent), and running campaigns."""
PROFILES: Final[Mapping[str, str]] = {"Creation": CREATION, "Feeding": FEEDING, "Consultation": CONSULTATION}
"""The profiles of an organisation's software. Consultation reads nothing by itself: it lets the software carry a
professional's own right, by exchanging the token of the professional's sign-in."""
RECORD_SCOPES: Final = frozenset(PROFILES.values())

Never = Literal["insurer", "mutuelle", "bank", "employer", "occupational-medicine"]
HOLDS: Final[Mapping[str, frozenset[str]]] = {
    "patient": frozenset(),
    "representative": frozenset(),
    "carer": frozenset(),
    "professional": frozenset(),
    "software": RECORD_SCOPES | {ASSIST},
    "application": frozenset(),
    "administrator": frozenset(
        {
            *(CREATION, ASSIST, CAMPAIGNS, "records.erase"),
            *("directory.write", "clients.write", "matrices.write", "operations"),
        }
    ),
    "operator": frozenset({"operations"}),
    "system": frozenset(),
    "unknown": frozenset(),
    "insurer": frozenset(),
    "mutuelle": frozenset(),
    "bank": frozenset(),
    "employer": frozenset(),
    "occupational-medicine": frozenset(),
}
"""What each kind may hold at most. Patients and professionals hold no scope: their right is who they are."""

_NAF = re.compile(r"(\d{2})\.?(\d{2})([A-Z])")
_SECTOR = re.compile(r"SA\d{2}")
_FINESS = "1"
_CARE_ACTIVITIES: Final = ("86", "87", "88", "4773", "8430A")
"""Human health, care homes, social work, pharmacies, health insurance funds."""
_NEVER_ACTIVITIES: Final[tuple[tuple[str, Never], ...]] = (
    ("6512", "mutuelle"),
    ("65", "insurer"),
    ("662", "insurer"),
    ("8430B", "insurer"),
    ("64", "bank"),
    ("66", "bank"),
)
_OCCUPATIONAL: Final = "occupational-medicine"
_CARE_SECTORS: Final = frozenset(
    f"SA{number:02d}"
    for number in (
        *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 17, 18, 20, 21, 24, 25, 29, 30),
        *(33, 34, 36, 37, 38, 39, 40, 41, 42),
        *(47, 50, 51, 52, 53, 54, 56, 57, 59, 61, 63, 64, 65, 67, 68, 69),
    )
)
_NEVER_SECTORS: Final[Mapping[str, Never]] = {
    "SA13": _OCCUPATIONAL,
    "SA66": _OCCUPATIONAL,
    "SA23": "insurer",
}
_OCCUPATIONAL_SPECIALTIES: Final = frozenset({"SM25"})


class OrganisationNeverError(ForbiddenError):
    """Insurers, mutuelles, banks, employers and occupational medicine have no account here, whoever asks for it: the
    law gives them no access to these records, not even with consent."""

    code = "organisation-never"
    french = (
        "Les assureurs, mutuelles, banques, employeurs et la médecine du travail n’ont pas de compte ici, qui que ce "
        "soit qui le demande : la loi ne leur donne aucun accès à ces dossiers, même avec un accord."
    )


class ActivityInvalidError(InvalidError):
    """The activity is a NAF code such as 86.10Z, the sector a code of TRE_R02 such as SA01."""

    code = "activity-invalid"
    french = "L’activité est un code NAF tel que 86.10Z, le secteur un code de TRE_R02 tel que SA01."


class ActivityNeededError(InvalidError):
    """An organisation that is not in FINESS says what it does: give its NAF code as activity."""

    code = "activity-needed"
    french = "Une organisation absente de FINESS dit ce qu’elle fait : donnez son code NAF (activity)."


class OccupationalMedicineNeverError(ForbiddenError):
    """Occupational medicine has no access to these records."""

    code = "occupational-medicine-never"
    french = "La médecine du travail n’a pas accès à ces dossiers."


def never_of(activity: str | None, sector: str | None) -> Never | None:
    """Why an organisation with this activity (NAF) and sector (TRE_R02) never gets an account; None: it may.

    Raises ActivityInvalidError.
    """
    found = [_of_activity(activity)] if activity is not None else []
    found += [_of_sector(sector)] if sector is not None else []
    return next((one for one in found if one is not None), None)


def check_organisation(
    structure_id: str | None,
    activity: str | None,
    sector: str | None,
    occupational_medicine: OccupationalMedicine = "never",
) -> None:
    """Whether an organisation may be registered. FINESS lists health and social establishments only; others say what
    they do. Raises OrganisationNeverError, ActivityInvalidError, ActivityNeededError."""
    never = never_of(activity, sector)
    if never is not None and (never != _OCCUPATIONAL or occupational_medicine == "never"):
        raise OrganisationNeverError
    if structure_id is not None and not structure_id.startswith(_FINESS) and activity is None:
        raise ActivityNeededError


def never_of_professional(specialties: frozenset[str], sector: str | None) -> Never | None:
    """Occupational medicine, for who has no other specialty or acts for a structure of that sector; else None."""
    by_specialty = bool(specialties) and specialties <= _OCCUPATIONAL_SPECIALTIES
    by_sector = sector is not None and _NEVER_SECTORS.get(sector) == _OCCUPATIONAL
    return _OCCUPATIONAL if by_specialty or by_sector else None


def check_professional(never: Never | None, occupational_medicine: OccupationalMedicine) -> None:
    """Raises OccupationalMedicineNeverError while the parameter stands on never."""
    if never is not None and occupational_medicine == "never":
        raise OccupationalMedicineNeverError


def _of_activity(activity: str) -> Never | None:
    match = _NAF.fullmatch(activity.strip())
    if match is None:
        raise ActivityInvalidError
    code = "".join(match.groups())
    if code.startswith(_CARE_ACTIVITIES):
        return None
    return next((never for prefix, never in _NEVER_ACTIVITIES if code.startswith(prefix)), "employer")


def _of_sector(sector: str) -> Never | None:
    code = sector.strip()
    if _SECTOR.fullmatch(code) is None:
        raise ActivityInvalidError
    if code in _CARE_SECTORS:
        return None
    return _NEVER_SECTORS.get(code, "employer")
