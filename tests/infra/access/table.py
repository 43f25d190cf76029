"""The table of decisions: permitted rows, the other values of each fact, and the combinations between them."""

import random
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product
from typing import Any

from shared.access import Facts
from shared.access.rights import CHANGES

N = frozenset({"N"})
MASKED = frozenset({"N", "MASQUE_PS"})
NOT_FOR_PATIENT = frozenset({"N", "INVISIBLE_PATIENT"})
NOT_FOR_REPRESENTATIVES = frozenset({"N", "INVISIBLE_REPRESENTANTS_LEGAUX"})
LABELS: tuple[frozenset[str], ...] = (
    *(N, MASKED, NOT_FOR_PATIENT, NOT_FOR_REPRESENTATIVES, frozenset({"R"}), frozenset({"V"}), frozenset({"N", "R"})),
    *(MASKED | NOT_FOR_PATIENT, NOT_FOR_PATIENT | NOT_FOR_REPRESENTATIVES, frozenset({"N", "SECRET"}), frozenset()),
)
READING = ("read", "find", "read-summary", "read-reimbursements")
WRITING = ("deposit", "replace", "label", "archive", "delete")
ACTIONS = (*READING, "export", "certify", "confirm-summary", *WRITING, "read-access-list", "change-rights", "erase")
LABEL_CHANGES = (
    *("mask", "unmask", "hide-from-patient", "show-to-patient"),
    *("hide-from-representatives", "show-to-representatives"),
)
KINDS = ("patient", "representative", "carer", "application", "professional", "software")
NEVER_KINDS = ("administrator", "operator", "system", "unknown", "mutuelle", "")
YES_NO = (True, False)
STATES = ("none", "future", "expired", "valid", "perhaps")
COLUMNS: dict[str, tuple[Any, ...]] = {
    "action": ACTIONS,
    "actor_kind": KINDS + NEVER_KINDS,
    "profession": ("G15_10", "G15_21", "G15_60", "R94_41", "G16_10", "A00_DISPOSITIF", "G15_77", "10", None),
    "relation": ("holder", "representative", "carer", "application", "none", "neighbour"),
    "never": (None, "insurer", "mutuelle", "bank", "employer", "occupational-medicine", "lobby"),
    "mode": ("normal", "bris_de_glace", "centre_15", "secret", ""),
    "record_status": ("open", "closed", "deceased", "unknown", "merged"),
    "authorisation": STATES,
    "care_team": STATES,
    "blocked": ("none", "professional", "structure", "both", "unknown"),
    "document_status": (None, "received", "published", "refused", "archived", "superseded", "deleted", "lost"),
    "document_type": ("11488-4", "DOCPAT01", None),
    "class_code": ("10", "90", None),
    "section": (None, "BIOLOGIE"),
    "labels": LABELS,
    "deposited_by": ("organisation", "patient", "representative", "carer", "application", "unknown"),
    "citations": ("none", "readable", "hidden", "unchecked", "perhaps"),
    "masked_by": (None, "author", "patient", "somebody"),
    "change": (None, *LABEL_CHANGES, "archive", "unarchive", *sorted(CHANGES), "befriend"),
    "labels_asked": LABELS,
    "type_asked": ("11488-4", "DOCPAT01", None),
    "as_of": (None, "3", "4", "5", "6", "7", "8", "2", "99"),
    "collected": ("none", "current", "outdated", "superseded", "ended", "perhaps"),
    "matrix_cell": ("allowed", "denied", "allowed-by-default", "denied-by-default", "unknown"),
    "occupational_medicine": ("never", "allowed", "perhaps"),
    **{field.name: YES_NO for field in fields(Facts) if isinstance(field.default, bool)},
}

_KNOWN: dict[str, Any] = {
    "record_status": "open",
    "choices_known": True,
    "copies_fresh": True,
    "blocked": "none",
    "section_hidden": False,
    "organisation_objected": False,
}
_DOCUMENT: dict[str, Any] = {"document_status": "published", "labels": N, "deposited_by": "organisation"}
_ASKERS: dict[str, dict[str, Any]] = {
    "patient": {"relation": "holder"},
    "representative": {"relation": "representative"},
    "carer": {"relation": "carer"},
    "application": {"relation": "application", "application_may": True},
    "professional": {"profession": "G15_10", "authorisation": "valid", "matrix_cell": "allowed"},
    "software": {"own_deposit": True},
}


def asking(kind: str, action: str = "read", **more: Any) -> Facts:
    """Returns the facts of a caller of this kind for whom everything is permitted, with `more` replacing some."""
    whole = action in ("deposit", "change-rights", "read-access-list")
    document = {} if whole else _DOCUMENT
    return Facts(**{"action": action, "actor_kind": kind, **_KNOWN, **document, **_ASKERS[kind], **more})


def permitted_rows() -> tuple[Facts, ...]:
    """Returns at least one row for each rule, action and kind of actor that permits."""
    return tuple(_reading()) + tuple(_writing()) + tuple(_rights())


def _reading() -> Iterator[Facts]:
    doctor = {"authorisation": "none", "profession": "G15_10"}
    for action in READING:
        for kind in KINDS:
            if kind != "software" or action in ("read", "find"):
                yield asking(kind, action)
        yield asking("professional", action, **doctor, care_team="valid")
        yield asking("professional", action, **doctor, attending_doctor=True, labels=MASKED, section_hidden=True)
        yield asking("professional", action, **doctor, author=True, labels=MASKED, section_hidden=True)
        urgent = {
            **doctor,
            "motive": True,
            "record_named": True,
            "masked_in_emergency": True,
            "labels": MASKED,
            "section_hidden": True,
        }
        yield asking("professional", action, **urgent, mode="bris_de_glace", break_glass=True)
        yield asking("professional", action, **urgent, mode="centre_15", regulation_centre=True, regulator=True)
        yield asking("professional", action, secret=True, minor=True)
        yield asking("professional", action, never="occupational-medicine", occupational_medicine="allowed")
    for kind in ("patient", "representative", "carer", "application", "professional"):
        yield asking(kind, "find", document_status=None, labels=frozenset())
        yield asking(kind, "read-summary", document_status=None, labels=frozenset())
        yield asking(kind, "find", citations="readable")
    yield asking("professional", "confirm-summary", **doctor, attending_doctor=True)
    whole: dict[str, Any] = {"document_status": None, "labels": frozenset()}
    yield asking("professional", "confirm-summary", **doctor, **whole, attending_doctor=True)
    for kind in ("patient", "representative"):
        for action in ("export", "certify"):
            yield asking(kind, action)
            yield asking(kind, action, document_status=None, labels=frozenset())


def _writing() -> Iterator[Facts]:
    for kind in ("patient", "representative", "carer"):
        own = {"deposited_by": kind, "self_deposited": True, "labels_asked": N}
        yield asking(kind, "deposit", class_code="90", **own)
        yield asking(kind, "deposit", document_type="DOCPAT01", labels_asked=MASKED)
        yield asking(kind, "replace", **own)
        yield asking(kind, "archive", change="archive", **own)
        yield asking(kind, "delete", **own)
        yield asking(kind, "label", change="mask")
        yield asking(kind, "label", change="unmask", labels=MASKED, masked_by="patient")
    own_hidden = {"deposited_by": "patient", "labels": NOT_FOR_REPRESENTATIVES}
    yield asking("patient", "label", change="show-to-representatives", **own_hidden)
    yield asking("patient", "label", change="hide-from-representatives", by_minor_in_secret=True)
    yield asking("patient", "deposit", class_code="90", labels_asked=NOT_FOR_REPRESENTATIVES)
    for kind in ("professional", "software"):
        own = {"author": True, "own_deposit": True, "authorisation": "none"}
        for action in ("deposit", "replace"):
            yield asking(kind, action, labels_asked=N, **own)
            yield asking(kind, action, labels_asked=NOT_FOR_PATIENT, **own)
        yield asking(kind, "archive", change="unarchive", **own)
        yield asking(kind, "delete", **own)
        for change in LABEL_CHANGES:
            yield asking(kind, "label", change=change, **own)
        yield asking(kind, "label", change="unmask", labels=MASKED, masked_by="author", **own)
    for kind in ("professional", "software"):
        same = {"document_type": "11488-4", "type_asked": "11488-4", "blocked": "both", "labels_asked": N}
        yield asking(kind, "replace", author=True, own_deposit=True, **same)
    secret = {"secret": True, "minor": True, "labels_asked": NOT_FOR_REPRESENTATIVES, "author": True}
    yield asking("professional", "deposit", **secret)
    yield asking("professional", "replace", **secret)


def _rights() -> Iterator[Facts]:
    for kind in ("patient", "representative"):
        yield asking(kind, "read-access-list")
    for kind in ("patient", "representative", "carer"):
        yield asking(kind, "change-rights", change="block-professional")
    card = {"about_self": True, "card_present": True}
    yield asking("professional", "change-rights", change="authorise-professional", **card)
    yield asking("professional", "change-rights", change="block-professional", attending_doctor=True)
    for kind in ("professional", "software"):
        for change in ("attest-care-team", "end-attestation"):
            yield asking(kind, "change-rights", change=change, about_self=True)
    for change in ("object-to-feeding", "withdraw-feeding-objection", "attest-care-team", "end-attestation"):
        yield asking("software", "change-rights", change=change, about_self=True, collected="current")


def one_fact_away(facts: Facts) -> Iterator[Facts]:
    """Yields the rows of the table that differ from this one in one fact."""
    for name, values in COLUMNS.items():
        for value in values:
            if value != getattr(facts, name):
                yield replace(facts, **{name: value})


def whole_table(kind: str) -> Iterator[Facts]:
    """Yields all combinations of actions, modes, labels, states and consent for a kind of actor."""
    consents: tuple[dict[str, Any], ...] = ({},)
    modes: tuple[dict[str, Any], ...] = ({}, {"mode": "bris_de_glace", "motive": True, "record_named": True})
    if kind == "professional":
        consents = (
            *({"authorisation": state} for state in STATES),
            {"authorisation": "none", "care_team": "valid"},
            {"authorisation": "none", "care_team": "valid", "care_team_objected": True},
            *({"authorisation": "none", "attending_doctor": True, "section_hidden": value} for value in YES_NO),
            {"authorisation": "none", "author": True, "masked_by": "patient"},
        )
        modes = (
            *({}, {"secret": True}, {"secret": True, "minor": True}, {"mode": "secret"}),
            {"mode": "bris_de_glace", "motive": True, "record_named": True, "break_glass": True},
            {
                "mode": "bris_de_glace",
                "motive": True,
                "record_named": True,
                "break_glass": True,
                "masked_in_emergency": True,
            },
            {"mode": "centre_15", "motive": True, "record_named": True, "regulation_centre": True, "regulator": True},
        )
    changes = {"label": LABEL_CHANGES, "archive": ("archive",), "change-rights": ("block-professional",)}
    documents = ("received", "published", "superseded")
    table = product(ACTIONS, modes, consents, LABELS, documents, ("open", "closed"), COLUMNS["blocked"][:3])
    for action, mode, consent, labels, document, record, blocked in table:
        row = {**consent, **mode, "labels": labels, "document_status": document, "record_status": record}
        request = {"labels_asked": labels, "class_code": "90", "deposited_by": kind, "blocked": blocked}
        for change in changes.get(action, (None,)):
            yield asking(kind, action, **{**row, **request, "change": change})


def random_rows(count: int, seed: int = 15) -> Iterator[Facts]:
    """Yields permitted rows in which two to five facts are replaced at random."""
    chance = random.Random(seed)
    rows, names = permitted_rows(), tuple(COLUMNS)
    for _ in range(count):
        others = {name: chance.choice(COLUMNS[name]) for name in chance.sample(names, chance.randint(2, 5))}
        yield replace(chance.choice(rows), **others)
