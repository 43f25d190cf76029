"""Who reads, adds, changes and deletes what in a personal space: the whole table, every reader against every entry."""

from typing import Any, get_args

import pytest

from shared.access import Facts, Permit, decide
from shared.access.personal_space import ENTRY_TYPES, EntryKind, may_keep_entries
from shared.terminology.documents import document_types
from shared.terminology.matrix import packaged
from tests.infra.access.table import MASKED, NOT_FOR_REPRESENTATIVES, N, asking

KINDS: tuple[EntryKind, ...] = get_args(EntryKind)
IN_AN_EMERGENCY = {"authorisation": "none", "mode": "bris_de_glace", "motive": True, "record_named": True}
READERS: dict[str, tuple[str, dict[str, Any]]] = {
    "holder": ("patient", {}),
    "minor": ("patient", {"minor": True}),
    "representative": ("representative", {"minor": True}),
    "carer": ("carer", {"self_deposited": False}),
    "carer, of the own entry": ("carer", {"self_deposited": True, "deposited_by": "carer"}),
    "stranger": ("patient", {"relation": "none"}),
    "authorised doctor": ("professional", {}),
    "médecin traitant": ("professional", {"attending_doctor": True}),
    "pharmacist": ("professional", {"profession": "G15_21"}),
    "social worker": ("professional", {"profession": "R94_41"}),
    "doctor without authorisation": ("professional", {"authorisation": "none"}),
    "blocked doctor": ("professional", {"blocked": "professional"}),
    "doctor in an emergency": ("professional", {**IN_AN_EMERGENCY, "break_glass": True}),
    "the same, who may see masked": (
        "professional",
        {**IN_AN_EMERGENCY, "break_glass": True, "masked_in_emergency": True},
    ),
    "doctor in an emergency that the person opposed": ("professional", {**IN_AN_EMERGENCY, "break_glass": False}),
    "doctor in a minor's secret connection": ("professional", {"secret": True, "minor": True}),
    "doctor in an adult's secret connection": ("professional", {"secret": True, "minor": False}),
    "occupational doctor": ("professional", {"never": "occupational-medicine"}),
    "insurer": ("professional", {"never": "insurer"}),
    "application with the section": ("application", {}),
    "application without it": ("application", {"application_may": False}),
    "software of a hospital": ("software", {"own_deposit": False}),
    "administrator": ("professional", {"actor_kind": "administrator"}),
    "operator": ("professional", {"actor_kind": "operator"}),
}
EVERYTHING = "read masked section hidden add change delete"
EXPECTED: dict[str, str | dict[str, str]] = {
    "holder": EVERYTHING,
    "minor": EVERYTHING,
    "representative": "read masked section add change delete",
    "carer": "read masked section add",
    "carer, of the own entry": "read masked section add change delete",
    "authorised doctor": "read hidden",
    "médecin traitant": "read masked section hidden",
    "pharmacist": {"directives": "", "else": "read hidden"},  # the decree denies them advance directives
    "doctor in an emergency": "read hidden",
    "the same, who may see masked": "read masked section hidden",
    "doctor in a minor's secret connection": "read hidden",
    "application with the section": "read masked section",
}
"""Reader -> what the reader may do with an entry: read it, read a masked one, one of a section that the person hides,
one that is hidden from representatives; add one, change and delete it. Nothing for all other readers."""


def facts_of(reader: str, action: str, entry: EntryKind, **more: Any) -> Facts:
    """Returns the facts of a reader about a kind of entry, with the cell of the decree's matrix."""
    kind, about = READERS[reader]
    document = document_types()[ENTRY_TYPES[entry]]
    base = {"document_type": document.code, "class_code": document.class_code, "section": document.section}
    whole: dict[str, Any] = {**base, "deposited_by": "patient", **about, **more}
    facts = asking(kind, action, **whole)
    if kind != "professional":
        return facts
    return asking(kind, action, **whole, matrix_cell=packaged()[0].cell(facts.profession, document.code))


def permitted(reader: str, entry: EntryKind) -> set[str]:
    """Returns what the rules permit, in the words of the table."""
    questions: dict[str, Facts] = {
        "read": facts_of(reader, "find", entry),
        "masked": facts_of(reader, "find", entry, labels=MASKED, masked_by="patient"),
        "section": facts_of(reader, "find", entry, section_hidden=True),
        "hidden": facts_of(reader, "find", entry, labels=NOT_FOR_REPRESENTATIVES),
    }
    if may_keep_entries(questions["read"].actor_kind):
        questions |= {
            "add": facts_of(reader, "deposit", entry, labels_asked=N),
            "change": facts_of(reader, "replace", entry, labels_asked=N, type_asked=ENTRY_TYPES[entry]),
            "delete": facts_of(reader, "delete", entry),
        }
    return {name for name, facts in questions.items() if isinstance(decide(facts), Permit)}


@pytest.mark.parametrize("reader", READERS)
def test_the_whole_table_of_a_reader(reader: str) -> None:
    expected = EXPECTED.get(reader, "")
    for entry in KINDS:
        words = expected if isinstance(expected, str) else expected.get(entry, expected["else"])
        assert permitted(reader, entry) == set(words.split()), entry


def test_reading_the_content_is_decided_as_finding_it() -> None:
    for reader in READERS:
        for entry in KINDS:
            listing = decide(facts_of(reader, "find", entry))
            opening = decide(facts_of(reader, "read", entry))
            assert isinstance(listing, Permit) is isinstance(opening, Permit), (reader, entry)


def test_nobody_else_than_the_patient_side_keeps_entries() -> None:
    kinds = ("patient", "representative", "carer", "application", "professional", "software", "administrator", "")
    assert [kind for kind in kinds if may_keep_entries(kind)] == ["patient", "representative", "carer"]


def test_a_closed_record_is_read_by_its_holder_and_takes_nothing() -> None:
    for entry in KINDS:
        for action in ("deposit", "replace", "delete"):
            facts = facts_of("holder", action, entry, record_status="closed", labels_asked=N)
            assert not isinstance(decide(facts), Permit)
        assert isinstance(decide(facts_of("holder", "find", entry, record_status="closed")), Permit)
        assert not isinstance(decide(facts_of("carer", "find", entry, record_status="closed")), Permit)


def test_advance_directives_have_a_section_of_their_own() -> None:
    sections = {entry: document_types()[code].section for entry, code in ENTRY_TYPES.items()}
    assert [entry for entry, section in sections.items() if section == "DIR_ANT"] == ["directives"]
    assert sections["measure"] == sections["health-profile"] == "SYNTH_PML"


def test_an_entry_on_copies_that_are_too_old_is_refused_to_all_but_the_holder() -> None:
    for reader, (kind, _) in READERS.items():
        facts = facts_of(reader, "find", "measure", copies_fresh=False)
        in_emergency = facts.mode != "normal"
        if kind != "patient" and not in_emergency:
            assert not isinstance(decide(facts), Permit), reader
    assert isinstance(decide(facts_of("holder", "find", "measure", copies_fresh=False)), Permit)
