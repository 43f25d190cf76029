"""Reads a professional's identity proof from the claims of Pro Santé Connect."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from services.identity.directory.domain.directory import professional_id
from services.identity.professionals.domain.professionals import ExercisedProfession, IdentityProof
from services.identity.professionals.domain.psc import ProviderClaimsError
from shared.human_text import compact_code
from shared.national_ids import LONGEST_INPUT, is_full_id
from shared.values import InvalidNationalIdError

_LAST_TIME = 1 << 37
_KINDS_OF_STRUCTURES = frozenset("1234")


def identity_proof_of(claims: Mapping[str, Any]) -> IdentityProof:
    """Returns the professional's identity from the provider's claims. Raises ProviderClaimsError."""
    try:
        identifier = professional_id(claims["SubjectNameID"])
        professions = _professions(claims)
        structures = _structures(claims)
        authenticated_at = _authenticated_at(claims)
    except (KeyError, TypeError, AttributeError, InvalidNationalIdError) as error:
        raise ProviderClaimsError from error
    if not professions:
        raise ProviderClaimsError
    return IdentityProof(identifier, professions, structures, authenticated_at)


def _authenticated_at(claims: Mapping[str, Any]) -> datetime | None:
    """Returns when the person authenticated (`auth_time`, OIDC Core 2); None when the provider does not state it."""
    auth_time = claims.get("auth_time")
    if not isinstance(auth_time, int) or not 0 <= auth_time < _LAST_TIME:
        return None
    return datetime.fromtimestamp(auth_time, UTC)


def _professions(claims: Mapping[str, Any]) -> tuple[ExercisedProfession, ...]:
    """Reads the professions from SubjectRefPro, which states more, or else from SubjectRole."""
    exercises = claims.get("SubjectRefPro", {}).get("exercices", [])
    if exercises:
        return tuple(
            ExercisedProfession(
                exercise["codeProfession"], exercise.get("codeCategorieProfessionnelle") == "E", _specialty(exercise)
            )
            for exercise in exercises
        )
    roles = claims.get("SubjectRole", [])
    return tuple(ExercisedProfession(role.partition("^")[0]) for role in ([roles] if isinstance(roles, str) else roles))


def _specialty(exercise: Mapping[str, Any]) -> str | None:
    code = exercise.get("codeSavoirFaire")
    return code if isinstance(code, str) and code else None


def _structures(claims: Mapping[str, Any]) -> frozenset[str]:
    """Returns the Struct_IdNat of every structure named: 1 + FINESS, 3 + SIRET, 2 + SIREN.

    Technical ids are skipped.
    """
    structure_ids = [claims.get("SubjectOrganizationID")]
    for exercise in claims.get("SubjectRefPro", {}).get("exercices", []):
        for activity in exercise.get("activities", []):
            structure_ids += [f"{kind}{activity.get(name) or ''}" for kind, name in _SITE_IDS]
    full_ids = (compact_code(id).upper() for id in structure_ids if isinstance(id, str) and len(id) <= LONGEST_INPUT)
    return frozenset(id for id in full_ids if id[:1] in _KINDS_OF_STRUCTURES and is_full_id(id))


_SITE_IDS: Final[Sequence[tuple[str, str]]] = (
    ("1", "numeroFinessSite"),
    ("3", "numeroSiretSite"),
    ("2", "numeroSirenSite"),
)
