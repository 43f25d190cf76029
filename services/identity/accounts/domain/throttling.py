"""Throttling of sign-in attempts: a delay that grows with each failure, per pair of account and network address.

A device that has signed in to the account before has a count of its own (OWASP, "Slow Down Online Guessing Attacks with
Device Cookies"). Attempts of strangers never delay the account as a whole, because that would let them lock out its
holder; the total per account only decides when the holder is notified. An attempt is counted before the password is
checked and reset when it ends in a sign-in, so concurrent attempts cannot exceed the rule.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.crypto.keyring import Keyring
from shared.errors import TooManyRequestsError


class TooManyTriesError(TooManyRequestsError):
    """Too many attempts. Wait, then try again; attempts by strangers do not slow down a device that has signed in
    before."""

    code = "too-many-tries"
    french = (
        "Trop d’essais. Attendez, puis recommencez ; les essais d’inconnus ne ralentissent pas vos appareils habituels."
    )

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"Too many attempts. Wait {seconds} seconds, then try again; attempts by strangers do not slow down a "
            "device that has signed in before."
        )
        self.retry_after = seconds
        self.french = (
            f"Trop d’essais. Attendez {seconds} secondes, puis réessayez ; les essais d’inconnus ne retardent pas un "
            "appareil déjà connecté auparavant."
        )


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """The first `free` attempts have no delay; the next one waits `first_s` seconds, and each further one twice as
    long, up to `longest_s`. One attempt is forgotten every `forgotten_s` seconds."""

    free: int
    first_s: int
    longest_s: int
    forgotten_s: int = 3600

    def delay(self, tries: int) -> timedelta:
        """Returns the delay before the next attempt after that many attempts."""
        over = tries - self.free
        if over <= 0:
            return timedelta()
        return timedelta(seconds=min(self.longest_s, self.first_s << min(over - 1, 20)))


THROTTLE_RULES = {
    "account": ThrottleRule(free=5, first_s=2, longest_s=900),
    "account-source": ThrottleRule(free=5, first_s=2, longest_s=900),
    "device": ThrottleRule(free=5, first_s=2, longest_s=900),
    "source": ThrottleRule(free=30, first_s=1, longest_s=60, forgotten_s=60),
    "confirm": ThrottleRule(free=5, first_s=2, longest_s=900),
    "reset": ThrottleRule(free=3, first_s=60, longest_s=3600),
    "reset-device": ThrottleRule(free=3, first_s=60, longest_s=3600),
    "contact": ThrottleRule(free=3, first_s=60, longest_s=3600),
    "enrolment": ThrottleRule(free=5, first_s=10, longest_s=900),
    "represent": ThrottleRule(free=5, first_s=60, longest_s=3600),
    "invite": ThrottleRule(free=10, first_s=60, longest_s=3600),
    "invited": ThrottleRule(free=2, first_s=3600, longest_s=3600, forgotten_s=86400),
    "invitation": ThrottleRule(free=5, first_s=10, longest_s=900),
}
"""The rule of each kind of key; a key is `<kind>:<owner>`."""
ALERT_KIND = "account"
"""The kind that counts the attempts of strangers at an account from all addresses. It delays nobody."""
_ADDRESS_KINDS = ("source", "account-source")


RECORD_KINDS = ("confirm", "represent", "invite", "invitation")
"""Kinds whose keys contain a record id."""


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """The attempts under a key, when the next one is allowed, and since when attempts are forgotten."""

    tries: int
    next_at: datetime
    forgotten_from: datetime


@dataclass(frozen=True, slots=True)
class AttemptAllowed:
    """The attempt may proceed. `counts` include it. `is_slowed`: the account or device had many attempts, so the next
    one must wait; attempts from one address at many accounts do not count for this."""

    counts: Mapping[str, AttemptCount]
    is_slowed: bool


@dataclass(frozen=True, slots=True)
class AttemptDelayed:
    """The attempt must wait for that many seconds."""

    seconds: int


def decide_attempt(
    previous: Mapping[str, AttemptCount], keys: Iterable[str], now: datetime
) -> AttemptAllowed | AttemptDelayed:
    """Counts one attempt under all of these keys, or under none of them when one must wait."""
    waits = (count.next_at - now for key, count in previous.items() if _kind(key) != ALERT_KIND)
    wait = max(waits, default=timedelta())
    if wait > timedelta():
        return AttemptDelayed(max(1, -int(-wait.total_seconds() // 1)))
    counts = {key: _next_count(previous.get(key), THROTTLE_RULES[_kind(key)], now) for key in keys}
    return AttemptAllowed(counts, any(counts[key].next_at > now for key in holder_keys(counts)))


def holder_keys(keys: Iterable[str]) -> list[str]:
    """Returns the keys of an account or one of its devices, without those of addresses."""
    return [key for key in keys if _kind(key) not in _ADDRESS_KINDS]


def _kind(key: str) -> str:
    return key.partition(":")[0]


def _next_count(previous: AttemptCount | None, rule: ThrottleRule, now: datetime) -> AttemptCount:
    if previous is None:
        return AttemptCount(1, now + rule.delay(1), now)
    step = timedelta(seconds=rule.forgotten_s)
    forgotten = max(0, (now - previous.forgotten_from) // step)
    if forgotten >= previous.tries:
        return AttemptCount(1, now + rule.delay(1), now)
    tries = previous.tries - forgotten + 1
    return AttemptCount(tries, now + rule.delay(tries), previous.forgotten_from + forgotten * step)


def attempt_keys(
    lookups: Keyring, identifier: str, source: str, device_id: UUID | None, action: str = "account"
) -> list[str]:
    """Returns the keys under which an attempt counts: that of a known device alone, or those of the address, of the
    account, and of both together."""
    if device_id is not None:
        return [f"{'device' if action == 'account' else action + '-device'}:{device_id}"]
    origin = lookups.fingerprint("source", network_of(source))
    account = lookups.fingerprint("identifier", identifier)
    if action == "account":
        account_keys = [f"account:{account}", f"account-source:{account}:{origin}"]
    else:
        account_keys = [f"{action}:{account}:{origin}"]
    return sorted([*account_keys, f"source:{origin}"])


def network_of(address: str) -> str:
    """Returns the address, or for IPv6 its /64 network, because one client usually controls all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
