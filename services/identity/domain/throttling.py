"""How fast somebody may try: a delay that grows with each failure, per account and address of origin together.

After OWASP, "Slow Down Online Guessing Attacks with Device Cookies", a device that has signed in to the account before
has a count of its own. Strangers are counted at each address, and never at the account alone, which would let them
close it to its holder: what all of them try there is counted to tell the holder. A try is counted before the password
is looked at, and given back when it ends in a sign-in: however many come at once, no more are looked at than the rule
says.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.crypto.keyring import Keyring
from shared.errors import TooManyRequestsError


class TooManyTriesError(TooManyRequestsError):
    """Too many tries. Wait, then try again; what strangers try does not slow a device that has signed in before."""

    code = "too-many-tries"
    french = (
        "Trop d’essais. Attendez, puis recommencez ; les essais d’inconnus ne ralentissent pas vos appareils habituels."
    )

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"Too many tries. Wait {seconds} seconds, then try again; what strangers try does not slow a device that "
            "has signed in before."
        )
        self.retry_after = seconds
        self.french = (
            f"Trop d’essais. Attendez {seconds} secondes, puis réessayez ; les essais d’inconnus ne retardent pas un "
            "appareil déjà connecté auparavant."
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """`free` tries without a wait; then `first_s` seconds, doubled by each further one, up to `longest_s`. One try is
    forgotten every `forgotten_s` seconds."""

    free: int
    first_s: int
    longest_s: int
    forgotten_s: int = 3600

    def delay(self, tries: int) -> timedelta:
        """How long nothing more is looked at after that many tries."""
        over = tries - self.free
        if over <= 0:
            return timedelta()
        return timedelta(seconds=min(self.longest_s, self.first_s << min(over - 1, 20)))


RULES = {
    "account": Rule(free=5, first_s=2, longest_s=900),
    "account-source": Rule(free=5, first_s=2, longest_s=900),
    "device": Rule(free=5, first_s=2, longest_s=900),
    "source": Rule(free=30, first_s=1, longest_s=60, forgotten_s=60),
    "confirm": Rule(free=5, first_s=2, longest_s=900),
    "reset": Rule(free=3, first_s=60, longest_s=3600),
    "reset-device": Rule(free=3, first_s=60, longest_s=3600),
    "contact": Rule(free=3, first_s=60, longest_s=3600),
    "enrolment": Rule(free=5, first_s=10, longest_s=900),
    "represent": Rule(free=5, first_s=60, longest_s=3600),
    "invite": Rule(free=10, first_s=60, longest_s=3600),
    "invited": Rule(free=2, first_s=3600, longest_s=3600, forgotten_s=86400),
    "invitation": Rule(free=5, first_s=10, longest_s=900),
}
"""By the first word of a key `<kind>:<whose>`."""
ALARM = "account"
"""Counts what strangers try at an account, whatever their address: it makes nobody wait."""
_OF_ADDRESSES = ("source", "account-source")


OF_RECORDS = ("confirm", "represent", "invite", "invitation")
"""Kinds whose keys name a record."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often something was tried, when the next try may be, and from when on tries are forgotten."""

    tries: int
    next_at: datetime
    forgotten_from: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """The try may be made; `counts` hold it. `slowed`: there were many at the account or from the device; an address
    that tries many accounts says nothing about any one of them."""

    counts: Mapping[str, Count]
    slowed: bool


@dataclass(frozen=True, slots=True)
class Withheld:
    """The try may not be made yet."""

    seconds: int


def take(known: Mapping[str, Count], keys: Iterable[str], now: datetime) -> Taken | Withheld:
    """One try at all of these keys, or none."""
    waits = (count.next_at - now for key, count in known.items() if _kind(key) != ALARM)
    wait = max(waits, default=timedelta())
    if wait > timedelta():
        return Withheld(max(1, -int(-wait.total_seconds() // 1)))
    counts = {key: _next(known.get(key), RULES[_kind(key)], now) for key in keys}
    return Taken(counts, any(counts[key].next_at > now for key in keys_of_holder(counts)))


def keys_of_holder(keys: Iterable[str]) -> list[str]:
    """Those of the keys that stand for an account or one of its devices, whatever address the tries come from."""
    return [key for key in keys if _kind(key) not in _OF_ADDRESSES]


def _kind(key: str) -> str:
    return key.partition(":")[0]


def _next(known: Count | None, rule: Rule, now: datetime) -> Count:
    if known is None:
        return Count(1, now + rule.delay(1), now)
    step = timedelta(seconds=rule.forgotten_s)
    forgotten = max(0, (now - known.forgotten_from) // step)
    if forgotten >= known.tries:
        return Count(1, now + rule.delay(1), now)
    tries = known.tries - forgotten + 1
    return Count(tries, now + rule.delay(tries), known.forgotten_from + forgotten * step)


def keys_of_try(
    lookups: Keyring, identifier: str, source: str, device_id: UUID | None, what: str = "account"
) -> list[str]:
    """Whose tries are counted: the known device's alone, or those from this address, at this account and at all."""
    if device_id is not None:
        return [f"{'device' if what == 'account' else what + '-device'}:{device_id}"]
    origin = lookups.fingerprint("source", network_of(source))
    account = lookups.fingerprint("identifier", identifier)
    here = [f"account:{account}", f"account-source:{account}:{origin}"] if what == "account" else []
    return sorted([*(here or [f"{what}:{account}:{origin}"]), f"source:{origin}"])


def network_of(address: str) -> str:
    """The address, or its /64: whoever has one IPv6 address has all of those."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
