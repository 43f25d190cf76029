"""The services that may report each action and each kind of actor. The broker's ACL proves who writes to a topic."""

from typing import Final, get_args

from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.base import ActorKind
from shared.contracts.declarations import Service
from shared.contracts.topics import ACCESSES

WRITER_MISMATCH = "writer-mismatch"
"""The code of the quarantine entry: another service must report this action, or this kind of actor."""

ACTIONS_BY_SERVICE: Final[dict[Service, frozenset[Action]]] = {
    "identity": frozenset(
        {
            *("open-record", "close-record", "reopen-record", "erase-record", "link-records", "unlink-records"),
            *("object-to-opening", "withdraw-opening-objection", "activate-account", "sign-in", "sign-out"),
            *("change-credentials", "change-contact", "represent", "end-representation", "invite-carer"),
            *("answer-invitation", "end-care"),
        }
    ),
    "records": frozenset(
        {
            *("deposit-document", "replace-document", "label-document", "archive-document", "delete-document"),
            *("find-documents", "read-document", "read-summary", "read-reimbursements", "check-record", "ask-what-if"),
            "report-consents",
            "handle-quarantined",
            "export-record",
            "confirm-summary",
            "acknowledge-warning",
            "issue-certificate",
            "fill-history",
            *("read-measures", "add-measure", "correct-measure", "delete-measure"),
        }
    ),
    "consent": frozenset(
        {
            *("authorise-professional", "end-authorisation", "block-professional", "unblock-professional"),
            *("object-to-feeding", "withdraw-feeding-objection", "name-attending-doctor", "end-attending-doctor"),
            *("choose-emergency-access", "hide-section", "show-section", "choose-default-label", "attest-care-team"),
            *("end-attestation", "object-to-care-team", "withdraw-care-team-objection", "reference-application"),
            *("end-application", "change-rights", "see-choices", "withdraw-attestation-objection"),
        }
    ),
    "audit": frozenset({"list-accesses", "list-emergencies", "explain-decision"}),
    "notify": frozenset({"change-preferences"}),
}
"""The actions that each service reports; every action belongs to one service."""
_CALLER_KINDS: Final[frozenset[ActorKind]] = frozenset(
    {
        *("patient", "representative", "carer", "professional", "software", "application"),
        *("administrator", "operator", "system"),
    }
)
ACTOR_KINDS_BY_SERVICE: Final[dict[Service, frozenset[ActorKind]]] = {
    "identity": _CALLER_KINDS | {"unknown"},  # the actor of a failed sign-in
    "records": _CALLER_KINDS,
    "consent": _CALLER_KINDS,
    "audit": _CALLER_KINDS,
    "notify": _CALLER_KINDS,
}
SHARED_ACTIONS: Final = frozenset({"discard-dead-letter"})
"""The actions that every service may report: operators discard dead letters in each."""
_KNOWN_ACTIONS: Final = frozenset(get_args(Action))
_KNOWN_ACTOR_KINDS: Final = frozenset(get_args(ActorKind))
_WRITERS: Final = {topic.name: service for service, topic in ACCESSES.items()}


def may_report(topic: str, event: AccessRecorded) -> bool:
    """Returns whether the writer of `topic` may report this access.

    An action or a kind of actor that this release does not know is entered as reported. The retired topic had all
    services as its writers; nobody can write to it any more.
    """
    service = _WRITERS.get(topic)
    if service is None:
        return True
    foreign_action = event.action in _KNOWN_ACTIONS - SHARED_ACTIONS and event.action not in ACTIONS_BY_SERVICE[service]
    foreign_actor = event.actor.kind in _KNOWN_ACTOR_KINDS and event.actor.kind not in ACTOR_KINDS_BY_SERVICE[service]
    return not (foreign_action or foreign_actor)
