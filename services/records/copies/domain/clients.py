"""The local copy of registered software: who may send messages, for which organisation."""

from dataclasses import dataclass

from shared.contracts.identity import ClientListener


@dataclass(frozen=True, slots=True)
class ClientCopy:
    """A registered client of an organisation. `applications`: `MSH-3|MSH-4` of its messages. `is_bulk`: its messages
    may wait."""

    client_id: str
    organisation_id: str | None
    is_active: bool
    scopes: frozenset[str]
    applications: frozenset[str]
    is_bulk: bool
    listener: ClientListener | None
