"""The base of every event: a frozen model whose event type is the `type` attribute of CloudEvents.

CloudEvents 1.0, Kafka protocol binding in binary mode: the attributes travel as `ce_*` headers, the body is the JSON
data alone. Only optional fields may be added to a published event; a breaking change needs a new topic (`.v2`).
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"

Code = Annotated[str, Field(pattern=CODE_PATTERN, max_length=64)]
"""A code of a code table, an error code or a national identifier; never free text."""
Version = Annotated[int, Field(ge=1)]
Seen = dict[str, int]
"""Topic name -> version of that topic's state that the sender had applied for this key."""
NOTHING_SEEN: Final[Seen] = {}


def sealed_place(kind: str, id: UUID) -> str:
    """Returns the `cty` in the protected header of a sealed text (JWE): its kind, and the id to which it is bound."""
    return f"{kind};id={id}"


class _Open:
    """Marks a Literal to which a later release may add values: readers accept any code, writers only the listed ones.

    `shared.contracts.open_enumerations` states what an unknown value means to each reader. A Literal without this mark
    is closed: a message with another value cannot be read.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        code = core_schema.str_schema(pattern=CODE_PATTERN, max_length=64)
        return core_schema.union_schema([handler(source), code], mode="left_to_right")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        enumeration, code = handler(schema)["anyOf"]
        return {**code, "x-extensible-enum": enumeration["enum"]}


OPEN: Final = _Open()


class Event(BaseModel):
    """A fact about the aggregate named by the Kafka key. Subclasses set `ce_type`, the CloudEvents type."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    ce_type: ClassVar[str]

    @model_validator(mode="after")
    def _has_moments_that_can_be_kept(self) -> Self:
        """Refuses a time without a zone, and a time beyond the years that PostgreSQL can store."""
        for value in self.__dict__.values():
            if isinstance(value, datetime) and (value.tzinfo is None or not 1 < value.year < 9999):
                raise ValueError("a time has no zone, or lies beyond the calendar")
        return self

    @property
    def key(self) -> str:
        """The Kafka key: the id of the aggregate, by default the record id."""
        return str(self.__dict__["record_id"])


class RecordEvent(Event):
    """An event about one record, keyed by the record's internal id (never the INS)."""

    record_id: UUID


class StateEvent(Event):
    """The whole state of one aggregate; a higher `version` replaces a lower one."""

    version: Version


class HeartbeatSent(Event):
    """Sent by the relay: all rows older than `at` have reached this partition. Key: `heartbeat-<partition>`."""

    ce_type: ClassVar[str] = "shared.heartbeat-sent.v1"
    partition: int = Field(ge=0)
    at: datetime

    @property
    def key(self) -> str:
        """`heartbeat-<partition>`."""
        return f"heartbeat-{self.partition}"


class StateWithheld(Event):
    """Sent by the relay when the broker refuses a state for good: copies of this key are broken until a newer state
    comes.

    It travels under the key of the aggregate, in place of the refused state.
    """

    ce_type: ClassVar[str] = "shared.state-withheld.v1"
    aggregate_key: str = Field(max_length=256)
    error_code: Code

    @property
    def key(self) -> str:
        """The key of the state that was withheld."""
        return self.aggregate_key


ActorKind = Literal[
    "patient",
    "representative",
    "carer",
    "professional",
    "software",
    "application",
    "administrator",
    "operator",
    "system",
    "unknown",
]


class Actor(BaseModel):
    """The actor: a kind and an identifier, public (professional) or internal (patient side: the id of their own
    record)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: Annotated[ActorKind, OPEN]
    id: Code
    profession: Code | None = None
    organisation_id: Code | None = None
    client_id: Code | None = None
