"""Which service may report which access, by whom: its own acts alone. The broker's ACL proves whose topic it is."""

from typing import Final, get_args

from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.base import ActorKind
from shared.contracts.declarations import Service
from shared.contracts.topics import ACCESSES

WRITER_MISMATCH = "writer-mismatch"
"""The code of the quarantine entry: this act, or this kind of actor, is another service's to report."""

ACTIONS: Final[dict[Service, frozenset[Action]]] = {
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
"""Each action belongs to one service."""
_CALLERS: Final[frozenset[ActorKind]] = frozenset(
    {
        *("patient", "representative", "carer", "professional", "software", "application"),
        *("administrator", "operator", "system"),
    }
)
ACTORS: Final[dict[Service, frozenset[ActorKind]]] = {
    "identity": _CALLERS | {"unknown"},  # a sign-in that failed
    "records": _CALLERS,
    "consent": _CALLERS,
    "audit": _CALLERS,
    "notify": _CALLERS,
}
OF_ALL: Final = frozenset({"discard-dead-letter"})
"""What an operator may do at every service."""
_KNOWN_ACTIONS: Final = frozenset(get_args(Action))
_KNOWN_ACTORS: Final = frozenset(get_args(ActorKind))
_WRITERS: Final = {topic.name: service for service, topic in ACCESSES.items()}


def may_report(topic: str, event: AccessRecorded) -> bool:
    """Whether this access is for the writer of `topic` to report.

    An action or a kind of actor that this release does not know is nobody else's: it is entered as reported. On the
    retired topic every service wrote; nobody can write it any more.
    """
    service = _WRITERS.get(topic)
    if service is None:
        return True
    foreign_action = event.action in _KNOWN_ACTIONS - OF_ALL and event.action not in ACTIONS[service]
    foreign_actor = event.actor.kind in _KNOWN_ACTORS and event.actor.kind not in ACTORS[service]
    return not (foreign_action or foreign_actor)
