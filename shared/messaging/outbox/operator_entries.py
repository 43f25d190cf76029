"""The ledger's entry of an operator's act: an announcement that the act's own transaction writes.

Neither the act nor its entry can then stand without the other.
"""

from shared.contracts.audit import OperatorActed, OperatorAction
from shared.contracts.base import Actor
from shared.contracts.declarations import Principal
from shared.messaging.outbox.append import Announcement, announce

COMMAND_LINE = "command-line"
"""The client id of an operator whom the command line names, and no token proves."""


def operator_named(id: str) -> Actor:
    """Returns the operator whom a command names. Raises pydantic's ValidationError if it is no code."""
    return Actor(kind="operator", id=id, client_id=COMMAND_LINE)


def entry_of_act(
    service: Principal, operator: Actor, action: OperatorAction, subject: str, *, count: int | None = None
) -> Announcement:
    """Returns the announcement of an act in a service. `subject`, `count`: as in OperatorActed."""
    return announce(OperatorActed(actor=operator, action=action, subject_id=subject, count=count), service)


def entry_of_failed_redrive(service: Principal, operator: Actor, subject: str, code: str) -> Announcement:
    """Returns the announcement of a redrive after which the message is a dead letter with this code."""
    return announce(
        OperatorActed(actor=operator, action="redrive-dead-letter", subject_id=subject, outcome="refused", reason=code),
        service,
    )
