"""Signs a professional in with the certificate of their card (CPS)."""

from services.identity.domain.modes import Stated
from services.identity.domain.professionals import CARD_CLIENT, SignInRules, Vouched
from services.identity.domain.tokens import AccessToken, Issuer
from services.identity.usecases.open_session import Asked, open_session
from services.identity.usecases.use_passage import PresentedCertificate, use_passage
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def sign_in_with_card(
    pool: Pool,
    issuer: Issuer,
    rules: SignInRules,
    certificate: PresentedCertificate,
    organisation_id: str | None,
    stated: Stated,
) -> AccessToken:
    """By a verified certificate, presented once. Raises EntranceUnknownError and what `admit` raises."""
    async with transaction(pool) as connection:
        holder = await use_passage(connection, certificate)
        asked = Asked(Vouched(holder.id, authenticated_at=clock.now()), "card", CARD_CLIENT, organisation_id, stated)
        return await open_session(connection, issuer, rules, asked)
