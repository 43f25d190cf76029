"""The organisations that never get an account.

Code de la santé publique L1111-18: insurers, mutuelles, banks and employers have no access, not even with consent.
Occupational medicine (L1111-17 IV) has none while its national parameter is `never`. Activities are NAF rev. 2 codes
(INSEE), sectors TRE_R02-SecteurActivite. An activity or sector that is not known to be care is refused.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from shared.errors import ForbiddenError, InvalidError

OccupationalMedicine = Literal["never", "allowed"]
"""The values of the national parameter on occupational medicine."""

Exclusion = Literal["insurer", "mutuelle", "bank", "employer", "occupational-medicine"]

_NAF = re.compile(r"(\d{2})\.?(\d{2})([A-Z])", re.ASCII)
_SECTOR = re.compile(r"SA\d{2}", re.ASCII)
_FINESS = "1"
_CARE_ACTIVITIES: Final = ("86", "87", "88", "4773", "8430A")
"""NAF prefixes of human health, care homes, social work, pharmacies and health insurance funds."""
_EXCLUDED_ACTIVITIES: Final[tuple[tuple[str, Exclusion], ...]] = (
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
_EXCLUDED_SECTORS: Final[Mapping[str, Exclusion]] = {
    "SA13": _OCCUPATIONAL,
    "SA66": _OCCUPATIONAL,
    "SA23": "insurer",
}
_OCCUPATIONAL_SPECIALTIES: Final = frozenset({"SM25"})


class OrganisationNeverError(ForbiddenError):
    """Insurers, mutuelles, banks, employers and occupational medicine cannot have an account here, whoever requests it:
    the law gives them no access to these records, not even with consent."""

    code = "organisation-never"
    french = (
        "Les assureurs, mutuelles, banques, employeurs et la médecine du travail n’ont pas de compte ici, qui que ce "
        "soit qui le demande : la loi ne leur donne aucun accès à ces dossiers, même avec un accord."
    )


class ActivityInvalidError(InvalidError):
    """Give the activity as a NAF code such as 86.10Z, and the sector as a code of TRE_R02 such as SA01."""

    code = "activity-invalid"
    french = "L’activité est un code NAF tel que 86.10Z, le secteur un code de TRE_R02 tel que SA01."


class ActivityNeededError(InvalidError):
    """An organisation that is not in FINESS must state its activity: give its NAF code as activity."""

    code = "activity-needed"
    french = "Une organisation absente de FINESS dit ce qu’elle fait : donnez son code NAF (activity)."


class OccupationalMedicineNeverError(ForbiddenError):
    """Occupational medicine has no access to these records."""

    code = "occupational-medicine-never"
    french = "La médecine du travail n’a pas accès à ces dossiers."


def exclusion_of(activity: str | None, sector: str | None) -> Exclusion | None:
    """Returns why an organisation with this activity (NAF) and sector (TRE_R02) never gets an account.

    Returns None if it may get one. Raises ActivityInvalidError.
    """
    exclusions = [_activity_exclusion(activity)] if activity is not None else []
    exclusions += [_sector_exclusion(sector)] if sector is not None else []
    return next((exclusion for exclusion in exclusions if exclusion is not None), None)


def check_organisation(
    structure_id: str | None,
    activity: str | None,
    sector: str | None,
    occupational_medicine: OccupationalMedicine = "never",
) -> None:
    """Checks that an organisation may be registered.

    FINESS lists only health and social establishments, so other organisations must state their activity.

    Raises OrganisationNeverError, ActivityInvalidError, ActivityNeededError.
    """
    exclusion = exclusion_of(activity, sector)
    if exclusion is not None and (exclusion != _OCCUPATIONAL or occupational_medicine == "never"):
        raise OrganisationNeverError
    if structure_id is not None and not structure_id.startswith(_FINESS) and activity is None:
        raise ActivityNeededError


def exclusion_of_professional(specialties: frozenset[str], sector: str | None) -> Exclusion | None:
    """Returns `occupational-medicine` for a professional of that specialty or sector, else None.

    The professional has no other specialty, or acts for a structure of the sector.
    """
    by_specialty = bool(specialties) and specialties <= _OCCUPATIONAL_SPECIALTIES
    by_sector = sector is not None and _EXCLUDED_SECTORS.get(sector) == _OCCUPATIONAL
    return _OCCUPATIONAL if by_specialty or by_sector else None


def check_professional(exclusion: Exclusion | None, occupational_medicine: OccupationalMedicine) -> None:
    """Raises OccupationalMedicineNeverError while the national parameter is `never`."""
    if exclusion is not None and occupational_medicine == "never":
        raise OccupationalMedicineNeverError


def _activity_exclusion(activity: str) -> Exclusion | None:
    match = _NAF.fullmatch(activity.strip())
    if match is None:
        raise ActivityInvalidError
    code = "".join(match.groups())
    if code.startswith(_CARE_ACTIVITIES):
        return None
    return next((exclusion for prefix, exclusion in _EXCLUDED_ACTIVITIES if code.startswith(prefix)), "employer")


def _sector_exclusion(sector: str) -> Exclusion | None:
    code = sector.strip()
    if _SECTOR.fullmatch(code) is None:
        raise ActivityInvalidError
    if code in _CARE_SECTORS:
        return None
    return _EXCLUDED_SECTORS.get(code, "employer")
