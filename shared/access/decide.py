"""The access decision: for each action and kind of actor, a fixed list of requirements, checked in order.

The first requirement that is not met gives the reason of the refusal. The order in the lists: the caller and the mode
(which anybody may learn), the age of the copies, the record, blocks, the mode with the person's consent, the matrix,
then the document's status, section and labels. Only a replacement differs: its list ends with the choices about
deposits, which the API does not know yet when the deposit arrives. From the age of the copies on, a refusal that rests
on somebody's choice looks like the answer for something that does not exist. The lists are in `readers`, `writers` and
`rights`.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from shared.access import readers, rights, writers
from shared.access.facts import Facts, Permit, Refusal
from shared.access.requirements import Requirement, RequirementTable

RELEASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": "who deposits, and who reads",
        "2": "one decision for every action: labels, rights and the list of accesses too, emergencies, the matrix",
        "3": "carers change who may see what, as representatives do; a new version hides nothing shown for ever",
        "4": "objections and blocks hold for replacements; an author reads the own document on old copies; only "
        "doctors are médecins traitants or read for occupational medicine; who ended a structure's attestation gets "
        "no other of it until that is withdrawn; in the record of a deceased person nobody does anything any more",
        "5": "the token of an emergency reads in the one record that it names",
        "6": "a structure reports what it collected from the person: the objection to its deposits, its end, and the "
        "attestation of its care team; never against the patient side's own or later choice",
        "7": "the holder and representatives export the record; carers, professionals and software do not",
        "8": "the summary sheet is read as a search is, for the record and then for each source; a doctor with the "
        "status of médecin traitant confirms it; a version of it is seen by those who may read all that it cites; "
        "the holder and representatives have vaccinations certified",
    }
)
"""Version of the rules -> what it changed, oldest first. Any change that may decide otherwise than before is a new
version, so that replay can tell apart decisions of two versions and name the release between them."""
RULES_VERSION: Final = tuple(RELEASES)[-1]
KEPT: Final = ("3", "4", "5", "6", "7", RULES_VERSION)
"""The versions under which a past decision can be decided again (`Facts.as_of`)."""

ACTIONS: Final[Mapping[str, tuple[RequirementTable, Callable[[Facts], str]]]] = MappingProxyType(
    {
        **dict.fromkeys(sorted(readers.READING), (readers.READERS, readers.rule_of)),
        "export": (readers.EXPORTERS, readers.rule_of),
        "certify": (readers.CERTIFIERS, readers.rule_of),
        "confirm-summary": (readers.CONFIRMERS, readers.confirmation_rule_of),
        "deposit": (writers.DEPOSITORS, writers.rule_of),
        "replace": (writers.REPLACERS, writers.rule_of),
        "label": (writers.LABELLERS, writers.rule_of),
        "archive": (writers.ARCHIVERS, writers.rule_of),
        "delete": (writers.DELETERS, writers.rule_of),
        "read-access-list": (rights.LISTERS, rights.rule_of),
        "change-rights": (rights.CHANGERS, rights.rule_of),
    }
)
"""Action -> (requirements by kind of actor, function that returns the code of the permitting rule). A kind of actor
without requirements is refused."""


def decide(facts: Facts) -> Permit | Refusal:
    """Returns the decision about an action. Total: an unknown action or kind of actor is refused."""
    version = facts.as_of if facts.as_of in KEPT else RULES_VERSION
    rules = ACTIONS.get(facts.action)
    if rules is None:
        return Refusal("action-unknown", False, version)
    lists, rule_of = rules
    requirements = lists.get(facts.actor_kind)
    if requirements is None:
        return Refusal("kind-not-permitted", False, version)
    for passed, requirement in enumerate(requirements):
        if not requirement.met(facts):
            return Refusal(
                requirement.reason,
                requirement.hides_existence,
                version,
                requirement.retry,
                _reasons(requirements)[:passed],
            )
    notices = readers.notices_of(facts) if facts.action in readers.READING else ()
    return Permit(rule_of(facts), version, _reasons(requirements), notices)


def reasons_of(action: str) -> tuple[str, ...]:
    """Returns every reason for which an action can be refused, sorted."""
    lists, _ = ACTIONS[action]
    reasons = {requirement.reason for requirements in lists.values() for requirement in requirements}
    return tuple(sorted(reasons | {"kind-not-permitted"}))


@cache
def _reasons(requirements: tuple[Requirement, ...]) -> tuple[str, ...]:
    return tuple(requirement.reason for requirement in requirements)
