"""How fast somebody may try, as a table of the rule."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.identity.accounts.domain.accounts import lookup_keys
from services.identity.accounts.domain.throttling import (
    THROTTLE_RULES,
    AttemptAllowed,
    AttemptCount,
    AttemptDelayed,
    attempt_keys,
    decide_attempt,
    network_of,
)
from shared.crypto.keyring import Keyring
from tests.infra.identity.identity_api import KEYRING

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LOOKUPS = lookup_keys(Keyring.parse(KEYRING))


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 0), (5, 0), (6, 2), (7, 4), (8, 8), (14, 512), (15, 900), (40, 900), (10_000, 900)]
)
def test_the_wait_doubles_with_each_failure_up_to_a_quarter_of_an_hour(tries: int, seconds: int) -> None:
    assert THROTTLE_RULES["account"].delay(tries) == timedelta(seconds=seconds)


def test_tries_without_a_pause_are_looked_at_as_often_as_the_rule_says() -> None:
    counts: dict[str, AttemptCount] = {}
    looked_at = 0
    for millisecond in range(0, 60_000, 6):
        decision = decide_attempt(counts, ["device:a"], NOW + timedelta(milliseconds=millisecond))
        if isinstance(decision, AttemptAllowed):
            counts, looked_at = dict(decision.counts), looked_at + 1
    assert looked_at == 10  # 5 free ones, then after 2, 4, 8, 16 seconds and the first of the waits themselves


def test_one_key_that_waits_withholds_the_try_at_all() -> None:
    waiting = AttemptCount(6, NOW + timedelta(seconds=1.2), NOW)
    assert decide_attempt({"device:a": waiting}, ["device:a", "source:b"], NOW) == AttemptDelayed(2)


def test_what_strangers_try_at_an_account_makes_nobody_wait() -> None:
    taken = decide_attempt(
        {"account:a": AttemptCount(60, NOW + timedelta(hours=1), NOW)}, ["account:a", "source:b"], NOW
    )
    assert isinstance(taken, AttemptAllowed)
    assert taken.is_slowed


def test_a_try_says_whether_the_next_one_waits() -> None:
    taken = decide_attempt({"account:a": AttemptCount(5, NOW, NOW)}, ["account:a"], NOW)
    assert isinstance(taken, AttemptAllowed)
    assert taken.is_slowed
    first = decide_attempt({}, ["account:a", "source:b"], NOW)
    assert isinstance(first, AttemptAllowed)
    assert not first.is_slowed
    assert set(first.counts) == {"account:a", "source:b"}


@pytest.mark.parametrize(("hours", "tries"), [(0, 9), (0.9, 9), (1, 8), (3.5, 6), (7, 2), (8, 1), (100, 1)])
def test_one_try_an_hour_is_forgotten(hours: float, tries: int) -> None:
    taken = decide_attempt({"account:a": AttemptCount(8, NOW, NOW)}, ["account:a"], NOW + timedelta(hours=hours))
    assert isinstance(taken, AttemptAllowed)
    assert taken.counts["account:a"].tries == tries


def test_what_is_left_of_an_hour_is_not_lost() -> None:
    count = AttemptCount(8, NOW, NOW)
    for minutes in (50, 100, 150):
        taken = decide_attempt({"account:a": count}, ["account:a"], NOW + timedelta(minutes=minutes))
        assert isinstance(taken, AttemptAllowed)
        count = taken.counts["account:a"]
    assert count.tries == 8 + 3 - 2


def test_a_known_device_has_a_count_of_its_own() -> None:
    device = uuid4()
    assert attempt_keys(LOOKUPS, "zoe", "10.0.0.7", device) == [f"device:{device}"]
    assert attempt_keys(LOOKUPS, "zoe", "10.0.0.7", device, "reset") == [f"reset-device:{device}"]


def test_strangers_are_counted_at_their_address_and_share_the_alarm_of_the_account_all_fingerprints() -> None:
    first, second = (attempt_keys(LOOKUPS, "zoe", address, None) for address in ("10.0.0.7", "10.0.0.8"))
    assert [key.partition(":")[0] for key in first] == ["account-source", "account", "source"]
    assert set(first) & set(second) == {first[1]}
    assert "zoe" not in "".join(first)
    assert "10.0.0.7" not in "".join(first)


def test_a_reset_is_counted_per_account_and_address_together() -> None:
    first, second = (attempt_keys(LOOKUPS, "zoe", address, None, "reset") for address in ("10.0.0.7", "10.0.0.8"))
    assert [key.partition(":")[0] for key in first] == ["reset", "source"]
    assert not set(first) & set(second)


def test_an_address_that_must_wait_slows_no_account() -> None:
    taken = decide_attempt({"source:b": AttemptCount(40, NOW, NOW)}, ["account:a", "source:b"], NOW)
    assert isinstance(taken, AttemptAllowed)
    assert taken.counts["source:b"].next_at > NOW
    assert not taken.is_slowed


def test_every_kind_of_key_has_a_rule() -> None:
    kinds = {
        key.partition(":")[0]
        for what in ("account", "reset")
        for device in (None, uuid4())
        for key in attempt_keys(LOOKUPS, "zoe", "10.0.0.7", device, what)
    }
    assert kinds < set(THROTTLE_RULES)
    assert all(rule.longest_s <= 3600 for rule in THROTTLE_RULES.values())


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("", "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_whoever_has_one_ipv6_address_has_its_whole_network(address: str, network: str) -> None:
    assert network_of(address) == network
