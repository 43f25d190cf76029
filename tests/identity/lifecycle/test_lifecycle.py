"""The life of a record: states x actions x parties, whole; and how long what is closed is kept."""

from datetime import UTC, datetime
from itertools import product
from typing import cast, get_args
from uuid import uuid4

import pytest

from services.identity.kit.transitions import Transition, TransitionRefusal
from services.identity.lifecycle.domain import lifecycle
from services.identity.lifecycle.domain.lifecycle import (
    ACTIONS,
    PARTIES,
    REFUSALS,
    STATES,
    TABLE,
    LifecycleAction,
    LifecycleParty,
    LifecycleRules,
    LifecycleState,
    decide,
    party_of,
)
from services.identity.people.domain.new_person import RecordUnknownError
from shared.contracts.base import ActorKind
from shared.errors import ClientError, ForbiddenError

N, X = "record-unknown", "forbidden"
# fmt: off
EXPECTED: dict[tuple[LifecycleAction, str], tuple[str, ...]] = {
    # none, objected, open, closed, dead, erased
    ("open", "holder"):                      ("open", "open", "open", "record-closed", "holder-deceased", "open"),
    ("open", "representative"):              ("open", "open", "open", "record-closed", "holder-deceased", "open"),
    ("open", "professional"):                ("open", "open", "open", "record-closed", "holder-deceased", "open"),
    ("open", "administrator"):               ("open", "open", "open", "record-closed", "holder-deceased", "open"),
    ("open", "system"): ("open", "opening-objected", "open", "record-closed", "holder-deceased", "opening-suppressed"),
    ("object", "holder"):                    ("objected", "objected", "closed", "closed", "dead", "erased"),
    ("object", "representative"):            ("objected", "objected", "closed", "closed", "dead", "erased"),
    ("object", "administrator"):             ("objected", "objected", "closed", "closed", "dead", "erased"),
    ("withdraw-objection", "holder"):        ("none", "none", "open", "closed", "dead", "none"),
    ("withdraw-objection", "representative"): ("none", "none", "open", "closed", "dead", "none"),
    ("withdraw-objection", "administrator"): ("none", "none", "open", "closed", "dead", "none"),
    ("close", "holder"):                     (N, N, "closed", "closed", "dead", N),
    ("close", "representative"):             (N, N, "closed", "closed", "dead", N),
    ("reopen", "holder"):                    (N, N, "open", "open", "holder-deceased", N),
    ("reopen", "representative"):            (N, N, "open", "open", "holder-deceased", N),
    ("reopen", "administrator"):             (N, N, "open", "open", "open", N),
    ("record-death", "administrator"):       (N, N, "dead", "dead", "dead", N),
    ("record-death", "system"):              (N, N, "dead", "dead", "dead", N),
    ("erase", "administrator"):              (N, N, "erased", "erased", "erased", "erased"),
    ("erase", "system"):                     (N, N, "record-open", "erased", "erased", "erased"),
    ("link", "administrator"):               (N, N, "open", "closed", "holder-deceased", N),
    ("unlink", "administrator"):             (N, N, "open", "closed", "dead", N),
}
# fmt: on
CASES = list(product(STATES, ACTIONS, PARTIES))


def test_the_table_is_whole_and_has_the_size_it_must() -> None:
    assert set(TABLE.rows) == set(CASES)
    assert len(TABLE.rows) == len(STATES) * len(ACTIONS) * len(PARTIES) == 6 * 9 * 9 == 486


@pytest.mark.parametrize(("action", "party"), list(product(ACTIONS, PARTIES)))
def test_what_anybody_may_do_in_any_state(action: LifecycleAction, party: LifecycleParty) -> None:
    outcomes = []
    for state in STATES:
        decision = decide(state, action, party)
        outcomes.append(decision.status if isinstance(decision, Transition) else decision.code)
    assert tuple(outcomes) == EXPECTED.get((action, party), (X,) * 6)


def test_every_refusal_is_an_error_with_its_own_code() -> None:
    refusals = {decision.code for decision in TABLE.rows.values() if isinstance(decision, TransitionRefusal)}
    assert refusals <= set(REFUSALS)
    for code in REFUSALS:
        assert TransitionRefusal(REFUSALS[code]).error().code == code


@pytest.mark.parametrize("name", ["mutuelle", "insurer", "bank", "employer", "", "Holder"])
def test_what_the_table_does_not_know_is_refused(name: str) -> None:
    for state, action in product(STATES, ACTIONS):
        assert decide(state, action, cast(LifecycleParty, name)) == TransitionRefusal(ForbiddenError)
    assert decide("open", cast(LifecycleAction, name), "holder") == TransitionRefusal(ForbiddenError)
    assert decide(cast(LifecycleState, name), "close", "holder") == TransitionRefusal(ForbiddenError)


def test_nobody_but_its_own_people_closes_a_record_and_nobody_outside_erases_one() -> None:
    closers = {party for state, action, party in TABLE.rows if action == "close" and _moves(state, action, party)}
    assert closers == {"holder", "representative"}
    erasers = {party for state, action, party in TABLE.rows if action == "erase" and _moves(state, action, party)}
    assert erasers == {"administrator", "system"}
    idle = {"carer", "software", "operator", "unknown"}
    assert not any(_moves(*case) for case in CASES if case[2] in idle)


def _moves(state: LifecycleState, action: LifecycleAction, party: LifecycleParty) -> bool:
    return isinstance(decide(state, action, party), Transition)


@pytest.mark.parametrize("kind", get_args(ActorKind))
def test_who_acts_for_a_person_does_so_for_that_record_alone(kind: ActorKind) -> None:
    record_id = uuid4()
    for_a_person = {"patient": "holder", "representative": "representative", "carer": "carer"}
    seen_as = for_a_person | {"application": "unknown"}
    assert party_of(kind, record_id, record_id) == seen_as.get(kind, kind)
    for own, target in ((None, record_id), (uuid4(), record_id), (record_id, None)):
        if kind not in for_a_person:
            assert party_of(kind, own, target) == seen_as.get(kind, kind)
            continue
        with pytest.raises(RecordUnknownError):
            party_of(kind, own, target)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("closed", "now", "over"),
    [
        ("2016-11-23T10:00:00", "2026-11-23T09:59:59", False),
        ("2016-11-23T10:00:00", "2026-11-23T10:00:00", True),
        ("2028-02-29T10:00:00", "2038-02-28T10:00:00", False),
        ("2028-02-29T10:00:00", "2038-03-01T10:00:00", True),
        ("2018-02-28T10:00:00", "2028-02-29T09:00:00", True),
        ("2018-03-01T10:00:00", "2028-02-29T23:00:00", False),
        ("2026-11-23T10:00:00", "2026-11-23T10:00:00", False),
    ],
)
def test_ten_years_end_on_the_day(closed: str, now: str, over: bool) -> None:
    assert LifecycleRules(10).is_over(at(closed), at(now)) is over


def test_every_refusal_of_the_life_of_a_record_speaks_french_too() -> None:
    own = [
        member
        for member in vars(lifecycle).values()
        if isinstance(member, type) and member.__module__ == lifecycle.__name__
    ]
    errors = [refusal for refusal in own if issubclass(refusal, Exception)]
    assert len(errors) == 7
    assert all(issubclass(error, ClientError) and error().in_french() for error in errors)
