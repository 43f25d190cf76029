"""Counts the emergencies of a professional. Beyond the limit, each needs a fresh identity proof."""

from services.identity.kit import store as rates
from services.identity.kit.metrics import EMERGENCIES_OVER_LIMIT
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import (
    EMERGENCY_WINDOW,
    IdentityProof,
    NewSignInNeededError,
    ProfessionalRules,
)
from shared.db.pool import Connection
from shared.runtime import clock
from shared.runtime.logs import log


async def count_emergency(
    connection: Connection, rules: ProfessionalRules, proof: IdentityProof, stated_access: StatedAccess
) -> None:
    """Counts one emergency in the caller's transaction; does nothing in other modes. Beyond the hourly limit of the
    mode it raises an alarm (a metric and a log event without personal data) and requires an identity proof of the last
    two minutes.

    Raises NewSignInNeededError; then nothing is counted.
    """
    if not stated_access.is_emergency:
        return
    now = clock.now()
    key = f"emergency-{stated_access.mode}:{rules.keys.fingerprint('emergency', stated_access.mode, proof.id)}"
    times = (await rates.lock_request_times(connection, [key], now))[key]
    if len(times) >= rules.emergencies_per_hour[stated_access.mode]:
        is_fresh = proof.is_fresh(now)
        EMERGENCIES_OVER_LIMIT.labels(stated_access.mode, "permitted" if is_fresh else "refused").inc()
        log("emergency.over_limit", code=stated_access.mode)
        if not is_fresh:
            raise NewSignInNeededError
    await rates.insert_requests(connection, [key], now, [EMERGENCY_WINDOW])
