"""Signs in a professional of a demonstration. The API refuses it unless the request comes over the loopback."""

from services.identity.clients.domain.tokens import DEMO_CLIENT, AccessToken, TokenIssuer, TokenSubject
from services.identity.directory import store as directory
from services.identity.directory.domain.directory import Professional, ProfessionalUnknownError, acting_structure
from services.identity.directory.domain.directory import professional_id as parse_id
from services.identity.directory.domain.kinds import Exclusion, check_professional, exclusion_of_professional
from services.identity.professionals.domain.modes import StatedAccess, check_mode_allowed, role_of_professional
from services.identity.professionals.domain.professionals import IdentityProof, ProfessionalRules
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
    national_id = parse_id(professional_id)
    async with transaction(pool) as connection:
        loaded = await directory.load_professional(connection, national_id)
        if loaded is None or loaded[0].status != "active":
            raise ProfessionalUnknownError
        professional = loaded[0]
        structures = await directory.load_structures(connection, professional.structure_ids)
        active = [id for id, (structure, _) in structures.items() if structure.status == "active"]
        organisation = acting_structure(active, organisation_id)
        sector = None if organisation is None else structures[organisation][0].sector
        never = exclusion_of_professional(frozenset(professional.specialties), sector)
        check_professional(never, rules.occupational_medicine)
        check_mode_allowed(
            stated_access, role_of_professional(professional.profession, organisation, rules.centres_15, never)
        )
        await count_emergency(connection, rules, IdentityProof(national_id), stated_access)
    subject = _subject(professional, organisation, stated_access, never)
    return issuer.issue(subject, token_id=clock.new_id(), now=clock.now())


def _subject(
    professional: Professional, organisation_id: str | None, stated_access: StatedAccess, never: Exclusion | None
) -> TokenSubject:
    session_id = clock.new_id()
    return TokenSubject(
        "professional",
        professional.id,
        DEMO_CLIENT,
        profession=professional.profession,
        organisation_id=organisation_id,
        session_id=session_id if stated_access.is_emergency else None,
        mode=stated_access.mode,
        motive=stated_access.motive,
        emergency_record=stated_access.commitment(session_id),
        never=never,
    )
