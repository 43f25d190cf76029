"""A campaign opens a record for everyone who does not refuse (R1111-28): notices first, then the time to object, then
the openings.

A campaign skips people who were notified before, have a record, are on the suppression list, are under eighteen, have
no qualified identity or cannot be written to. The time to object is a national parameter: one month in the documents
followed here, six weeks in the law in force.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from services.identity.openings.domain.openings import OpeningRules
from services.identity.people.domain.insured import InsuredPerson, InsuredRow, InsuredSelection
from services.identity.people.domain.persons import is_minor, regime_code, region_code
from shared.contracts.base import Actor
from shared.errors import ConflictError, InvalidError, NotFoundError

CampaignStatus = Literal["noticing", "waiting", "opening", "done"]
SkipReason = Literal["has-record", "objected", "erased", "minor", "not-qualified", "unreachable", "noticed-before"]
BIRTH_YEARS: Final = range(1850, 2200)
MAX_RATE: Final = 50_000


class CampaignUnknownError(NotFoundError):
    """There is no such campaign."""

    code = "campaign-unknown"
    french = "Cette campagne n’existe pas."


class SelectionInvalidError(InvalidError):
    """A campaign selects by years of birth (born_from not after born_to), INSEE regions and codes of regimes."""

    code = "selection-invalid"
    french = (
        "Une campagne choisit par années de naissance (born_from pas après born_to), régions de l’INSEE et codes de "
        "régimes."
    )


class WindowTooShortError(InvalidError):
    """People have at least the national time to object; a campaign may give more, up to a year."""

    code = "window-too-short"
    french = "Chacun dispose au moins du délai national pour s’opposer ; une campagne peut donner plus, jusqu’à un an."


class PaceInvalidError(InvalidError):
    """The pace of a campaign is 1 to 50,000 notices per second."""

    code = "pace-invalid"
    french = "Le rythme d’une campagne est de 1 à 50 000 avis par seconde."


class CampaignOverError(ConflictError):
    """This campaign has ended: nothing of it can be paused or resumed."""

    code = "campaign-over"
    french = "Cette campagne est terminée : elle ne peut être ni suspendue ni reprise."


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """The parameters of a campaign: whom it selects, how long they can object, and the pace."""

    selection: InsuredSelection
    window_days: int
    rate: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and its progress. `after`: the last row processed in the current phase; `counts`: numbers of processed
    people by outcome."""

    id: UUID
    status: CampaignStatus
    is_paused: bool
    selection: InsuredSelection
    window_days: int
    rate: int
    wave_id: UUID
    created_at: datetime
    noticed_at: datetime | None
    opens_at: datetime | None
    ended_at: datetime | None
    next_page_at: datetime
    after: UUID | None
    counts: Mapping[str, int]

    @property
    def actor(self) -> Actor:
        """The actor that the ledger names for acts of this campaign."""
        return Actor(kind="system", id=f"campaign:{self.id}")

    def is_due(self, now: datetime) -> bool:
        """Returns whether a page can be processed now."""
        over = self.opens_at is not None and self.opens_at <= now
        works = self.status in ("noticing", "opening") or (self.status == "waiting" and over)
        return works and not self.is_paused and self.next_page_at <= now


@dataclass(frozen=True, slots=True, repr=False)
class Candidate:
    """A row of the insured register, decrypted, with the person's fingerprints under every key of the ring."""

    row: InsuredRow
    insured: InsuredPerson
    fingerprints: Sequence[str]


@dataclass(frozen=True, slots=True)
class FingerprintStatuses:
    """What the database holds for the fingerprints of a page: those with a record, and the reasons on the suppression
    list."""

    with_record: Collection[str]
    suppression_reasons: Mapping[str, str]


def new_campaign(
    rules: OpeningRules,
    *,
    regions: Sequence[str],
    regimes: Sequence[str],
    born_from: int | None,
    born_to: int | None,
    window_days: int | None,
    rate: int | None,
) -> NewCampaign:
    """Returns the checked parameters of a campaign.

    Raises SelectionInvalidError, WindowTooShortError, PaceInvalidError, RegionUnknownError, RegimeInvalidError.
    """
    years = [year for year in (born_from, born_to) if year is not None]
    if any(year not in BIRTH_YEARS for year in years) or years != sorted(years):
        raise SelectionInvalidError
    days = rules.window_days if window_days is None else window_days
    if not rules.window_days <= days <= 366:
        raise WindowTooShortError
    pace = rules.rate if rate is None else rate
    if not 1 <= pace <= MAX_RATE:
        raise PaceInvalidError
    codes = sorted({region_code(region) for region in regions}), sorted({regime_code(regime) for regime in regimes})
    return NewCampaign(InsuredSelection(born_from, born_to, *codes), days, pace)


def skip_reason(candidate: Candidate, statuses: FingerprintStatuses, today: date) -> SkipReason | None:
    """Returns why the campaign skips this candidate, or None if it does not."""
    if any(fingerprint in statuses.with_record for fingerprint in candidate.fingerprints):
        return "has-record"
    reasons = {
        statuses.suppression_reasons[fingerprint]
        for fingerprint in candidate.fingerprints
        if fingerprint in statuses.suppression_reasons
    }
    if reasons:
        return "erased" if "erased" in reasons else "objected"
    traits, contact_details = candidate.insured.person.traits, candidate.insured.contact_details
    if is_minor(date.fromisoformat(traits.birth_date or ""), today):
        return "minor"
    if not candidate.insured.person.status.may_share_ins:
        return "not-qualified"
    return None if contact_details.mail or contact_details.address else "unreachable"


def summed_counts(counts: Mapping[str, int], additions: Mapping[str, int]) -> dict[str, int]:
    """Returns the sums of two sets of counts."""
    return dict(Counter(counts) + Counter(additions))


def objection_deadline(now: datetime, window_days: int) -> datetime:
    """Returns until when a person notified now can object."""
    return now + timedelta(days=window_days)


def next_page_time(campaign: Campaign, started_at: datetime, handled: int) -> datetime:
    """Returns when the next page may begin so that the pace is kept; unused capacity is not carried over."""
    return max(campaign.next_page_at, started_at) + timedelta(seconds=handled / campaign.rate)
