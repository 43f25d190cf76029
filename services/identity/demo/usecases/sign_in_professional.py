"""Signs in a professional of a demonstration. The API refuses it unless the request comes over the loopback."""

from services.identity.clients.domain.tokens import DEMO_CLIENT, AccessToken, TokenIssuer, TokenSubject
from services.identity.directory.domain.directory import ProfessionalUnknownError, acting_structure
from services.identity.directory.domain.directory import professional_id as parse_id
from services.identity.professionals import store as professionals
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import (
    AdmittedProfessional,
    IdentityProof,
    ProfessionalRules,
    admit_professional,
)
from services.identity.professionals.steps import count_emergency
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def sign_in_professional(
    pool: Pool,
    issuer: TokenIssuer,
    rules: ProfessionalRules,
    professional_id: str,
    organisation_id: str | None,
    stated_access: StatedAccess,
) -> AccessToken:
    """Returns a token of an active professional in the stated mode, with the directory's profession and structure.

    Raises InvalidNationalIdError, ProfessionalUnknownError, ActingStructureError, OccupationalMedicineNeverError,
    ModeNotFittingError, NewSignInNeededError (there is no identity proof here, so none is fresh).
    """
    proof = IdentityProof(parse_id(professional_id))
    async with transaction(pool) as connection:
        entry = await professionals.load_directory_entry(connection, proof.id)
        if entry is None or not entry.is_active:
            raise ProfessionalUnknownError
        organisation = acting_structure(entry.structure_ids, organisation_id)
        admitted = admit_professional(entry, proof, organisation, stated_access, rules)
        await count_emergency(connection, rules, proof, stated_access)
    subject = _subject(admitted, stated_access)
    return issuer.issue(subject, token_id=clock.new_id(), now=clock.now())


def _subject(admitted: AdmittedProfessional, stated_access: StatedAccess) -> TokenSubject:
    session_id = clock.new_id()
    return TokenSubject(
        "professional",
        admitted.id,
        DEMO_CLIENT,
        profession=admitted.profession,
        organisation_id=admitted.organisation_id,
        session_id=session_id if stated_access.is_emergency else None,
        mode=stated_access.mode,
        motive=stated_access.motive,
        emergency_record=stated_access.commitment(session_id),
        never=admitted.never,
    )
