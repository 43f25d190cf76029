"""The state of the story: its people and its sessions, and the function that prints its events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deploy.local.demo.client import Dmp, Session
from deploy.local.demo.credentials import ATTENDING_DOCTOR, DOCTOR, session_of
from deploy.local.demo.people import InventedPerson, invent
from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import Layout

Tell = Callable[[str], None]
DEADLINE_S = 60.0


class StoryError(LocalError):
    """A step of the story failed."""


@dataclass
class Story:
    """The state of the story. `tell` prints one line of it; `masked_id`: of the letter that the patient masks."""

    layout: Layout
    tell: Tell
    deadline_s: float = DEADLINE_S
    patient: InventedPerson = field(default_factory=invent)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    record_id: str = ""
    document: bytes = b""
    document_id: str = ""
    masked_id: str = ""
    deposited_at: datetime | None = None
    first_alert_s: float = 0
    step: str = ""

    @property
    def holder(self) -> Session:
        """The session of the patient."""
        return self._once("holder", lambda: self.dmp.patient(self.record_id))

    @property
    def doctor(self) -> Session:
        """The session of the doctor."""
        return self._once("doctor", lambda: session_of(self.dmp, self.credentials, DOCTOR))

    @property
    def attending(self) -> Session:
        """The session of the médecin traitant."""
        return self._once("attending", lambda: session_of(self.dmp, self.credentials, ATTENDING_DOCTOR))

    def organisation(self, name: str) -> Session:
        """Returns the session of a hospital's software."""
        return self._once(name, lambda: session_of(self.dmp, self.credentials, name))

    def tell_event(self, who: str, what: str, at: datetime | None = None) -> None:
        """Prints an event in one line: the time, the time since the deposit, the actor, the act."""
        moment = at or datetime.now(UTC)
        since = f"+{(moment - self.deposited_at).total_seconds() * 1000:.0f} ms" if self.deposited_at else ""
        self.tell(f"   {moment.astimezone():%H:%M:%S.%f}"[:-3] + f"  {since:>9}  {who:<28} {what}")

    def expect(self, condition: bool, failure: str) -> None:
        """Raises StoryError with the failure unless the condition holds."""
        if not condition:
            raise StoryError(f"step “{self.step}” failed: {failure}")

    _sessions: dict[str, Session] = field(default_factory=dict, repr=False)
    dmp: Dmp = field(init=False, repr=False)
    credentials: Mapping[str, Any] = field(init=False, repr=False)

    def _once(self, name: str, make: Callable[[], Session]) -> Session:
        if name not in self._sessions:
            self._sessions[name] = make()
        return self._sessions[name]
