"""Tables of transitions: a status, an action and the party that acts give a new status or a refusal. Pure.

A table is total: it holds the outcome of every combination of its words, and any other word is forbidden.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

from shared.errors import ClientError, ForbiddenError

Status = TypeVar("Status", bound=str)
Action = TypeVar("Action", bound=str)
Party = TypeVar("Party", bound=str)


@dataclass(frozen=True, slots=True)
class Transition(Generic[Status]):
    """The action is allowed and leads to this status, which may be the present one."""

    status: Status


@dataclass(frozen=True, slots=True)
class TransitionRefusal:
    """The action is refused. `error_type`: the error for the caller."""

    error_type: type[ClientError] = ForbiddenError

    @property
    def code(self) -> str:
        """Returns the code of the error."""
        return self.error_type.code

    def error(self) -> ClientError:
        """Returns the error for the caller."""
        return self.error_type()


class TransitionTable(Generic[Status, Action, Party]):
    """The outcomes of every combination of these statuses, actions and parties, in `rows`.

    `allowed`: the parties that may take each action; it is forbidden to all others. `outcomes`: for each action its
    outcome in each status, in the order of `statuses`: a status, or the code of an error of `errors`. `exceptions`:
    outcomes of one party.
    """

    def __init__(
        self,
        words: tuple[Sequence[Status], Sequence[Action], Sequence[Party]],
        allowed: Mapping[Action, frozenset[Party]],
        outcomes: Mapping[Action, Sequence[str]],
        errors: Mapping[str, type[ClientError]],
        exceptions: Mapping[tuple[Status, Action, Party], str] = MappingProxyType({}),
    ) -> None:
        statuses, actions, parties = words
        self._statuses: dict[str, Status] = {status: status for status in statuses}
        self._errors = errors
        rows = {}
        for action in actions:
            for status, usual_outcome in zip(statuses, outcomes[action], strict=True):
                for party in parties:
                    outcome = exceptions.get((status, action, party), usual_outcome)
                    is_allowed = party in allowed[action]
                    rows[status, action, party] = self._decision(outcome) if is_allowed else TransitionRefusal()
        self.rows: Mapping[tuple[Status, Action, Party], Transition[Status] | TransitionRefusal]
        self.rows = MappingProxyType(rows)

    def _decision(self, outcome: str) -> Transition[Status] | TransitionRefusal:
        if outcome in self._statuses:
            return Transition(self._statuses[outcome])
        return TransitionRefusal(self._errors[outcome])

    def decide(self, status: Status, action: Action, party: Party) -> Transition[Status] | TransitionRefusal:
        """Returns the outcome of an action by a party; forbidden for words outside the table."""
        return self.rows.get((status, action, party), TransitionRefusal())
