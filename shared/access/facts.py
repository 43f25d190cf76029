"""What the rules look at, and what they answer. Whoever asks loads the facts; the rules load nothing."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositFacts:
    """What is known when a deposit is decided. `record_status`: open, closed or unknown."""

    record_status: str
    organisation_id: str
    organisation_objected: bool
    labels: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFacts:
    """What is known when somebody asks to read a document, or to find documents in a record.

    `choices_known`: a state of consent is here; `copies_fresh`: it is not older than the limit. The last four speak of
    one document and may be left out when the question is about the record alone ("find").
    """

    actor_kind: str
    profession: str | None
    mode: str = "normal"
    action: Literal["read", "find"]
    own_record: bool
    record_status: str
    choices_known: bool
    copies_fresh: bool
    authorised: bool
    blocked: bool
    document_status: str | None = None
    labels: frozenset[str] = frozenset()
    own_deposit: bool = False
    author: bool = False


@dataclass(frozen=True, slots=True)
class Permit:
    """The word that opens: `rule` is the stable code of the rule that permitted."""

    rule: str
    rules_version: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The word that closes, with the stable code of the first requirement that was not met.

    `by_choice`: it rests on somebody's choice, or on something the asker must not learn: the answer is the same as for
    what does not exist. `retry`: it cannot be checked now, a later attempt may be permitted.
    """

    reason: str
    by_choice: bool
    rules_version: str
    retry: bool = False
