"""Counts one more emergency of a professional within the caller's transaction; many of them need fresh proofs."""

from services.identity.domain.modes import Stated
from services.identity.domain.professionals import EMERGENCY_WINDOW, NewSignInNeededError, SignInRules, Vouched
from services.identity.metrics import EMERGENCIES_OVER_LIMIT
from services.identity.store import rates
from shared.db.pool import Connection
from shared.runtime import clock
from shared.runtime.logs import log


async def count_emergency(connection: Connection, rules: SignInRules, vouched: Vouched, stated: Stated) -> None:
    """Nothing in the other modes. Over the limit of the mode and hour: an alarm (a metric and a log event that name
    nobody), and a proof of identity that is older than two minutes does not suffice.

    Raises NewSignInNeededError; then nothing is counted.
    """
    if not stated.is_emergency:
        return
    now = clock.now()
    whose = f"emergency-{stated.mode}:{rules.keys.fingerprint('emergency', stated.mode, vouched.id)}"
    times = (await rates.lock_recent(connection, [whose], now))[whose]
    if len(times) >= rules.emergencies_per_hour[stated.mode]:
        is_fresh = vouched.is_fresh(now)
        EMERGENCIES_OVER_LIMIT.labels(stated.mode, "permitted" if is_fresh else "refused").inc()
        log("emergency.over_limit", mode=stated.mode, permitted=is_fresh)
        if not is_fresh:
            raise NewSignInNeededError
    await rates.insert_recent(connection, [whose], now, [EMERGENCY_WINDOW])
