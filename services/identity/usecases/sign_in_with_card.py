"""Signs a professional in with the certificate of their card (CPS)."""

from services.identity.domain.cps import Holder
from services.identity.domain.modes import Stated
from services.identity.domain.professionals import CARD_CLIENT, SignInRules, Vouched
from services.identity.domain.tokens import AccessToken, Issuer
from services.identity.usecases.open_session import Asked, open_session
from shared.db.pool import Pool, transaction


async def sign_in_with_card(
    pool: Pool, issuer: Issuer, rules: SignInRules, holder: Holder, organisation_id: str | None, stated: Stated
) -> AccessToken:
    """`holder`: of a verified certificate. Raises what `admit` raises."""
    asked = Asked(Vouched(holder.id), "card", CARD_CLIENT, organisation_id, stated)
    async with transaction(pool) as connection:
        return await open_session(connection, issuer, rules, asked)
