"""Signs in a professional with the certificate of their card (CPS)."""

from services.identity.clients.domain.tokens import AccessToken, TokenIssuer
from services.identity.clients.steps import PresentedCertificate, use_edge_signature
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import CARD_CLIENT, IdentityProof, ProfessionalRules
from services.identity.professionals.steps import SessionRequest, open_session
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def sign_in_with_card(
    pool: Pool,
    issuer: TokenIssuer,
    rules: ProfessionalRules,
    certificate: PresentedCertificate,
    organisation_id: str | None,
    stated_access: StatedAccess,
) -> AccessToken:
    """Returns the token of a new session. The certificate is verified, and its presentation is accepted once.

    Raises EntranceUnknownError and what `admit_professional` raises.
    """
    async with transaction(pool) as connection:
        holder = await use_edge_signature(connection, certificate)
        session_request = SessionRequest(
            IdentityProof(holder.id, authenticated_at=clock.now()), "card", CARD_CLIENT, organisation_id, stated_access
        )
        return await open_session(connection, issuer, rules, session_request)
