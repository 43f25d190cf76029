"""What a structure collected from a person as changes of the choices, and the facts on which the rules judge them.

Source: IHE PAM France, segment ZFA: ZFA-9 (IO, INO, NA) about deposits, ZFA-11 (IC, INC, NA) about consultation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.consent.choices.domain.choices import Change, ChangeAction, Choices, has_collected_objection
from services.consent.copies.domain import RecordContext
from shared.access import Facts, blocked_of
from shared.contracts.records import CollectedConsentReported
from shared.moments import FRANCE

_CHANGES: Final[Mapping[str, ChangeAction]] = {
    "IO": "object-to-feeding",
    "INO": "withdraw-feeding-objection",
    "IC": "attest-care-team",
    "INC": "end-attestation",
}
_OPPOSITES: Final[Mapping[str, frozenset[str]]] = {
    "IO": frozenset({"withdraw-feeding-objection"}),
    "INO": frozenset({"object-to-feeding", "block-professional"}),
    "IC": frozenset({"end-attestation", "block-professional", "object-to-care-team"}),
    "INC": frozenset(),
}
"""By code: the changes by which the patient side chooses otherwise. What only takes a right away has none."""


@dataclass(frozen=True, slots=True)
class CollectedConsentsRules:
    """The parameters. `longest_attestation`: how long an attestation lasts at most after the person was informed."""

    longest_attestation: timedelta = timedelta(days=90)


DEFAULT_RULES: Final = CollectedConsentsRules()


@dataclass(frozen=True, slots=True)
class CollectedStatement:
    """What the person said about deposits (`kind` feeding) or consultation, and when; `stay_until`: of the latter."""

    kind: str
    code: str
    collected_at: datetime
    stay_until: datetime | None = None

    @property
    def opposites(self) -> frozenset[str]:
        """The changes by which the patient side chooses otherwise."""
        return _OPPOSITES[self.code]

    def as_change(self, structure_id: str, rules: CollectedConsentsRules) -> Change:
        """Returns the change of the choices that the statement asks for."""
        return Change(
            action=_CHANGES[self.code],
            subject_id=structure_id,
            how="care-team" if self.code == "IC" else "online",
            informed_on=self.collected_at.astimezone(FRANCE).date(),
            until=self._until(rules) if self.code == "IC" else None,
        )

    def has_ended(self, now: datetime, rules: CollectedConsentsRules) -> bool:
        """Returns whether an attestation would be for a period that is over, or that ends before it begins."""
        until = self._until(rules)
        return self.code == "IC" and (until <= now or until <= self.collected_at)

    def _until(self, rules: CollectedConsentsRules) -> datetime:
        latest = self.collected_at + rules.longest_attestation
        return latest if self.stay_until is None else min(latest, self.stay_until)


@dataclass(frozen=True, slots=True)
class EarlierStatements:
    """The last statement of the structure that was applied, and when the patient side last made each change."""

    applied: CollectedStatement | None
    by_patient_side: Mapping[str, datetime]


def statements_of(event: CollectedConsentReported) -> Iterator[CollectedStatement]:
    """Yields the statements of a report, at most one of each kind; one without its date says nothing."""
    if event.feeding is not None and event.feeding_at is not None:
        yield CollectedStatement("feeding", event.feeding, event.feeding_at)
    if event.consultation is not None and event.consultation_at is not None:
        yield CollectedStatement("consultation", event.consultation, event.consultation_at, event.stay_until)


def status_of(
    statement: CollectedStatement, earlier: EarlierStatements, now: datetime, rules: CollectedConsentsRules
) -> str:
    """Returns the fact `collected`: outdated, superseded, ended or current."""
    if earlier.applied is not None and statement.collected_at < earlier.applied.collected_at:
        return "outdated"
    choices = (earlier.by_patient_side.get(action) for action in statement.opposites)
    if any(chosen_at is not None and chosen_at > statement.collected_at for chosen_at in choices):
        return "superseded"
    return "ended" if statement.has_ended(now, rules) else "current"


def collected_facts(change: Change, status: str, record: RecordContext, choices: Choices) -> Facts:
    """Returns the facts of a change that a structure reports about itself.

    The copies count as fresh: a report waits until consent has every version that its sender had seen.
    """
    structure_id = change.subject_id or ""
    objected = structure_id in choices.feeding_objections
    is_attestation = change.action == "attest-care-team"
    return Facts(
        action="change-rights",
        change=change.action,
        actor_kind="software",
        about_self=True,
        collected=status,
        objection_by_patient=objected and not has_collected_objection(choices, structure_id),
        record_status=record.status,
        minor=record.people is not None and record.people.is_minor,
        choices_known=True,
        copies_fresh=True,
        care_team_objected=choices.care_team_objected
        or (is_attestation and structure_id in choices.attestation_objections),
        blocked=blocked_of(record.blocked_in_linked.union(choices.blocked), None, structure_id),
    )
