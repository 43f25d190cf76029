"""Signs a demonstration's professional in; the API refuses it off the loopback."""

from services.identity.domain.directory import Professional, ProfessionalUnknownError, acting_structure
from services.identity.domain.directory import professional_id as parse_id
from services.identity.domain.kinds import Never, check_professional, never_of_professional
from services.identity.domain.modes import Stated, check_fitting, role_of_professional
from services.identity.domain.professionals import SignInRules, Vouched
from services.identity.domain.tokens import DEMO_CLIENT, AccessToken, Issuer, Subject
from services.identity.store import directory
from services.identity.usecases.count_emergency import count_emergency
from shared.crypto.commitment import record_commitment
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def sign_in_professional(
    pool: Pool, issuer: Issuer, rules: SignInRules, professional_id: str, organisation_id: str | None, stated: Stated
) -> AccessToken:
    """A token of an active professional, with profession and structure as the directory has them, in the mode stated.

    Raises InvalidNationalIdError, ProfessionalUnknownError, ActingStructureError, OccupationalMedicineNeverError,
    ModeNotFittingError, NewSignInNeededError (no proof is asked for here, so none is fresh).
    """
    wanted = parse_id(professional_id)
    async with transaction(pool) as connection:
        known = await directory.load_professional(connection, wanted)
        if known is None or known[0].status != "active":
            raise ProfessionalUnknownError
        structures = await directory.load_structures(connection, known[0].structure_ids)
        active = [one for one, (structure, _) in structures.items() if structure.status == "active"]
        organisation = acting_structure(active, organisation_id)
        sector = None if organisation is None else structures[organisation][0].sector
        never = never_of_professional(frozenset(known[0].specialties), sector)
        check_professional(never, rules.occupational_medicine)
        check_fitting(stated, role_of_professional(known[0].profession, organisation, rules.centres_15, never))
        await count_emergency(connection, rules, Vouched(wanted), stated)
    subject = _subject(known[0], organisation, stated, never)
    return issuer.issue(subject, token_id=clock.new_id(), now=clock.now())


def _subject(professional: Professional, organisation_id: str | None, stated: Stated, never: Never | None) -> Subject:
    session_id = clock.new_id()
    return Subject(
        "professional",
        professional.id,
        DEMO_CLIENT,
        profession=professional.profession,
        organisation_id=organisation_id,
        session_id=session_id if stated.is_emergency else None,
        mode=stated.mode,
        motive=stated.motive,
        emergency_record=None if stated.record_id is None else record_commitment(session_id, stated.record_id),
        never=never,
    )
