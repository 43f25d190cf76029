"""States how each consumer group handles an enumerated value that its release does not know.

A later release may add values to any of these enumerations. The table follows four rules: an unknown value never grants
a right; what cannot be checked is neither refused nor reported as "not found"; the ledger has no gap; no emergency
alert is lost. The contract tests send a new value of each enumeration to each group and compare the result with
`policy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts import audit, consent, identity, notify, records
from shared.contracts.base import Event

UnknownValuePolicy = Literal["handled", "quarantined", "dead-letter", "copy-broken"]
"""handled: as `Unknown.meaning` says. quarantined: the ledger has an entry that a message could not be used.
dead-letter: the message waits, its own effects undone, for a release that knows the value. copy-broken: the copy of
this key is not served until a readable version comes."""


@dataclass(frozen=True)
class Unknown:
    """The effect of an unknown value in one group."""

    policy: UnknownValuePolicy
    meaning: str


@dataclass(frozen=True)
class Enumeration:
    """One enumerated field of events: `path` within the data (`[]`: of each element), and the handling of unknown
    values."""

    events: tuple[type[Event], ...]
    path: str
    unknown: Mapping[str, Unknown]


_ENTERED: Final = Unknown("handled", "entered in the ledger as reported")
_QUARANTINED: Final = Unknown("quarantined", "entered as a message that cannot be used; redriven after the upgrade")
_INDIFFERENT: Final = Unknown("handled", "does not look at it")
_UNREAD: Final = Unknown("copy-broken", "a state that may mean less than it did is not applied: 503 until it is known")
_UNJUDGED: Final = Unknown("dead-letter", "neither permitted nor refused: the deposit waits")
_UNAPPLIED: Final = Unknown("dead-letter", "nothing is applied: the report waits")
_HIDDEN: Final = Unknown("handled", "may hide the document: nothing about it is shown or announced to the person")
_RECORD_READERS: Final = ("records.record-copies", "consent.record-copies", "audit.record-copies")
_ERASERS: Final = ("records.erasures", "consent.erasures", "audit.erasures", "notify.erasures")
_LEDGER: Final = "audit.ledger"
_EXTRACTION: Final = "records.fact-extraction"
_CONSULTATIONS: Final = "notify.consultation-alerts"
_EMERGENCIES: Final = "notify.emergency-alerts"
_ALERTS: Final = (notify.AlertSent, notify.AlertFailed, notify.AlertWithheld, notify.AlertUnwanted)

ENUMERATIONS: tuple[Enumeration, ...] = (
    Enumeration(
        (audit.AccessRecorded,),
        "action",
        {
            _LEDGER: _ENTERED,
            _CONSULTATIONS: Unknown("handled", "no reading of a document: no alert"),
            _EMERGENCIES: Unknown("handled", "may show something of the record: an emergency alert"),
        },
    ),
    Enumeration(
        (audit.AccessRecorded,),
        "outcome",
        {
            _LEDGER: _ENTERED,
            _CONSULTATIONS: Unknown("handled", "not refused: an alert"),
            _EMERGENCIES: Unknown("handled", "not refused: an alert"),
        },
    ),
    Enumeration(
        (audit.AccessRecorded,),
        "actor.kind",
        {
            _LEDGER: _ENTERED,
            _CONSULTATIONS: Unknown("handled", "may be a professional: an alert"),
            _EMERGENCIES: Unknown("handled", "may be a professional: an alert"),
        },
    ),
    Enumeration(
        (audit.AccessRecorded,),
        "mode",
        {
            _LEDGER: _ENTERED,
            _CONSULTATIONS: Unknown("handled", "an alert about a consultation"),
            _EMERGENCIES: Unknown("handled", "no known emergency: an alert about a consultation"),
        },
    ),
    Enumeration(
        (audit.AccessRecorded,),
        "reason",
        {_LEDGER: _ENTERED, _CONSULTATIONS: _INDIFFERENT, _EMERGENCIES: _INDIFFERENT},
    ),
    Enumeration(
        (audit.AccessRecorded,),
        "combinations[].outcome",
        {_LEDGER: _ENTERED, _CONSULTATIONS: _INDIFFERENT, _EMERGENCIES: _INDIFFERENT},
    ),
    *(Enumeration((audit.OperatorActed,), path, {_LEDGER: _ENTERED}) for path in ("action", "outcome", "actor.kind")),
    *(
        Enumeration((identity.ClientAdministered,), path, {_LEDGER: _ENTERED})
        for path in ("action", "actor.kind", "status")
    ),
    Enumeration((records.DocumentReceived,), "actor.kind", {_LEDGER: _ENTERED, "consent.deposit-checks": _UNJUDGED}),
    Enumeration((records.DocumentReceived,), "mode", {_LEDGER: _ENTERED, "consent.deposit-checks": _UNJUDGED}),
    Enumeration((records.DocumentReceived,), "labels[]", {_LEDGER: _HIDDEN, "consent.deposit-checks": _UNJUDGED}),
    Enumeration((records.CollectedConsentReported,), "feeding", {"consent.collected-consents": _UNAPPLIED}),
    Enumeration((records.CollectedConsentReported,), "consultation", {"consent.collected-consents": _UNAPPLIED}),
    Enumeration(
        (records.DocumentPublished,),
        "labels[]",
        {_LEDGER: _HIDDEN, "notify.document-alerts": _HIDDEN, _EXTRACTION: _INDIFFERENT},
    ),
    Enumeration((records.DocumentRelabelled,), "labels[]", {_LEDGER: _HIDDEN, "notify.document-alerts": _HIDDEN}),
    Enumeration(
        (records.DocumentPublished,),
        "deposited_by",
        {
            _LEDGER: _ENTERED,
            "notify.document-alerts": Unknown("handled", "not the holder: an alert"),
            _EXTRACTION: _INDIFFERENT,
        },
    ),
    Enumeration(
        (records.DocumentRelabelled,),
        "change",
        {_LEDGER: _ENTERED, "notify.document-alerts": _INDIFFERENT},
    ),
    Enumeration(
        (records.DocumentRelabelled,), "actor.kind", {_LEDGER: _ENTERED, "notify.document-alerts": _INDIFFERENT}
    ),
    Enumeration((records.DocumentRefused,), "actor.kind", {_LEDGER: _ENTERED}),
    Enumeration(
        (records.DocumentReplaced, records.DocumentWithdrawn),
        "actor.kind",
        {_LEDGER: _ENTERED, "notify.document-alerts": _INDIFFERENT},
    ),
    Enumeration((records.DocumentRefused,), "reason", {_LEDGER: _ENTERED}),
    Enumeration(
        (consent.DepositDecided,),
        "outcome",
        {
            _LEDGER: _QUARANTINED,
            "records.deposit-decisions": Unknown("dead-letter", "neither published nor refused: the deposit waits"),
        },
    ),
    Enumeration((consent.DepositDecided,), "reason", {_LEDGER: _ENTERED, "records.deposit-decisions": _INDIFFERENT}),
    Enumeration((consent.ConsentStateChanged,), "authorisations[].how", {"records.consent-copies": _UNREAD}),
    Enumeration((consent.ConsentStateChanged,), "authorisations[].given_by", {"records.consent-copies": _UNREAD}),
    Enumeration((identity.RecordChanged,), "status", dict.fromkeys(_RECORD_READERS, _UNREAD)),
    Enumeration(
        (identity.PeopleChanged,),
        "representatives[].kind",
        dict.fromkeys(
            ("records.people-copies", "consent.people-copies", "audit.people-copies"),
            Unknown("handled", "describes: the list in which a person stands gives the right"),
        ),
    ),
    Enumeration((identity.RecordErased,), "reason", dict.fromkeys(_ERASERS, _INDIFFERENT)),
    Enumeration(
        (identity.ErasureAcknowledged,),
        "service",
        {"identity.acknowledged-erasures": Unknown("dead-letter", "not the writer of its topic: completes nothing")},
    ),
    Enumeration(
        (identity.ProfessionalChanged,),
        "status",
        {
            "audit.professional-copies": _INDIFFERENT,
            "records.profession-copies": Unknown("handled", "not active: of no profession in a what-if"),
            "consent.directory-copies": Unknown("handled", "not active: nobody's médecin traitant from now on"),
            "consent.professional-copies": Unknown("handled", "not active: a search does not show it"),
        },
    ),
    Enumeration(
        (identity.ClientChanged,),
        "status",
        {"records.client-copies": Unknown("handled", "not active: its messages are refused")},
    ),
    Enumeration(
        (identity.ClientChanged,),
        "client_class",
        {"records.client-copies": Unknown("handled", "not bulk: in the live lane")},
    ),
    Enumeration(
        (identity.StructureChanged,),
        "status",
        {
            "audit.professional-copies": _INDIFFERENT,
            "records.profession-copies": _INDIFFERENT,
            "consent.directory-copies": _INDIFFERENT,
            "consent.professional-copies": Unknown("handled", "not active: a search does not show it"),
        },
    ),
    Enumeration(
        _ALERTS,
        "kind",
        {
            _LEDGER: _ENTERED,
            "records.deposit-tracking": Unknown("handled", "not the alert of a document: the tracking goes on waiting"),
        },
    ),
    Enumeration(
        (notify.AlertSent, notify.AlertFailed),
        "channel",
        {_LEDGER: _ENTERED, "records.deposit-tracking": Unknown("handled", "the alert was handled")},
    ),
    Enumeration(
        (notify.AlertFailed, notify.AlertWithheld, notify.AlertUnwanted),
        "reason",
        {_LEDGER: _ENTERED, "records.deposit-tracking": Unknown("handled", "the alert was handled")},
    ),
    Enumeration(
        (notify.MessageRequested,),
        "channel",
        {"notify.messages": Unknown("dead-letter", "cannot be sent by this release: waits, nothing behind it does")},
    ),
    Enumeration(
        (notify.MessageRequested,),
        "kind",
        {"notify.messages": Unknown("dead-letter", "has no text in this release: waits, nothing behind it does")},
    ),
    Enumeration((audit.EntryRecorded,), "event_type", {"records.deposit-tracking": _INDIFFERENT}),
    Enumeration(
        (records.CopyApplied,),
        "topic",
        dict.fromkeys(("identity.copy-acknowledgements", "consent.copy-acknowledgements"), _INDIFFERENT),
    ),
)
"""Every enumeration of the events. Codes of the terminologies (types, classes, sections, professions) are not among
them: they grow without a release, and a code that the matrix does not name is denied by default."""
