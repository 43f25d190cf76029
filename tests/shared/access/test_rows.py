"""Decisions of the access rules, row by row: a sentence, the facts, and the code of the rule that answers."""

from typing import Any

import pytest

from shared.access import Facts, Permit, Refusal, decide
from tests.infra.access.table import MASKED, NOT_FOR_PATIENT, NOT_FOR_REPRESENTATIVES, N, asking

OCCUPATIONAL: dict[str, Any] = {"never": "occupational-medicine", "occupational_medicine": "allowed"}
NOBODYS: dict[str, Any] = {"authorisation": "none"}
URGENT: dict[str, Any] = {
    **NOBODYS,
    "mode": "bris_de_glace",
    "motive": True,
    "record_named": True,
    "break_glass": True,
}
SAMU: dict[str, Any] = {
    **NOBODYS,
    "mode": "centre_15",
    "motive": True,
    "record_named": True,
    "regulator": True,
    "regulation_centre": True,
}
SAME_TYPE: dict[str, Any] = {"document_type": "11488-4", "type_asked": "11488-4"}
OTHER_TYPE: dict[str, Any] = {"document_type": "11488-4", "type_asked": "11502-2"}
BEFORE: dict[str, Any] = {"as_of": "3", "labels_asked": N}
WHOLE: dict[str, Any] = {"document_status": None, "labels": frozenset()}
ATTENDING: dict[str, Any] = {**NOBODYS, "attending_doctor": True}
MINE: dict[str, Any] = {**NOBODYS, "author": True, "own_deposit": True}

ROWS: dict[str, tuple[Facts, str]] = {
    # blocks
    "a personal block wins over an authorisation": (asking("professional", blocked="professional"), "blocked"),
    "a personal block wins in break-glass": (asking("professional", **URGENT, blocked="professional"), "blocked"),
    "a personal block wins in a regulation centre": (asking("professional", **SAMU, blocked="professional"), "blocked"),
    "a block of the structure wins": (asking("professional", blocked="structure"), "blocked"),
    "a block of the structure wins in break-glass": (asking("professional", **URGENT, blocked="structure"), "blocked"),
    "a block of the structure does not stop a regulation centre": (
        asking("professional", **SAMU, blocked="structure"),
        "regulation-centre",
    ),
    "a blocked author reads nothing": (asking("professional", **MINE, blocked="professional"), "blocked"),
    "a blocked author may archive": (
        asking("professional", "archive", **MINE, blocked="professional", change="archive"),
        "author",
    ),
    "a blocked author may withdraw": (asking("professional", "delete", **MINE, blocked="professional"), "author"),
    "a blocked author may correct": (
        asking("professional", "replace", **MINE, **SAME_TYPE, blocked="both", labels_asked=N),
        "author",
    ),
    "but brings in nothing of another type": (
        asking("professional", "replace", **MINE, **OTHER_TYPE, blocked="professional", labels_asked=N),
        "blocked",
    ),
    "nor does the software of a blocked structure": (
        asking("software", "replace", **OTHER_TYPE, blocked="structure", labels_asked=N),
        "blocked",
    ),
    "which may correct too": (
        asking("software", "replace", **SAME_TYPE, blocked="structure", labels_asked=N),
        "own-deposit",
    ),
    **{
        f"{kind} of an organisation objected to replaces nothing": (
            asking(kind, "replace", **MINE, **SAME_TYPE, organisation_objected=True, labels_asked=N),
            "consent-opposed",
        )
        for kind in ("professional", "software")
    },
    "under the rules of before an organisation objected to replaced what it had deposited": (
        asking("software", "replace", **OTHER_TYPE, blocked="structure", organisation_objected=True, **BEFORE),
        "own-deposit",
    ),
    "and an author waited while the copies were old": (
        asking("professional", **MINE, copies_fresh=False, as_of="3"),
        "copies-too-old",
    ),
    "where nobody is blocked a correction may have another type": (
        asking("software", "replace", **OTHER_TYPE, labels_asked=N),
        "own-deposit",
    ),
    # author and depositing software
    "an author reads what is masked, without authorisation and matrix": (
        asking("professional", **MINE, labels=MASKED, matrix_cell="denied", section_hidden=True),
        "author",
    ),
    "the software of the depositing organisation reads it": (asking("software", labels=MASKED), "own-deposit"),
    "other staff of the organisation do not": (asking("professional", **NOBODYS, own_deposit=True), "not-authorised"),
    "other software does not": (asking("software", own_deposit=False), "not-own-deposit"),
    "software alone searches no record": (
        asking("software", "find", document_status=None, labels=frozenset()),
        "search-not-permitted",
    ),
    # médecin traitant
    "the médecin traitant needs no authorisation and sees masked documents and hidden sections": (
        asking("professional", **NOBODYS, attending_doctor=True, labels=MASKED, section_hidden=True),
        "attending-doctor",
    ),
    "the matrix holds for the médecin traitant": (
        asking("professional", **NOBODYS, attending_doctor=True, matrix_cell="denied"),
        "not-in-matrix",
    ),
    # care team
    "a care team reads by attestation": (asking("professional", **NOBODYS, care_team="valid"), "care-team"),
    "not against the person's objection": (
        asking("professional", **NOBODYS, care_team="valid", care_team_objected=True),
        "not-authorised",
    ),
    "not after its end": (asking("professional", **NOBODYS, care_team="expired"), "not-authorised"),
    "an authorisation to come does not hold yet": (asking("professional", authorisation="future"), "not-authorised"),
    # emergency
    "break-glass without opposition": (asking("professional", **URGENT), "break-glass"),
    "break-glass against the opposition": (
        asking("professional", **{**URGENT, "break_glass": False}),
        "emergency-opposed",
    ),
    "break-glass for another record": (asking("professional", **{**URGENT, "record_named": False}), "record-not-named"),
    "break-glass without a motive": (asking("professional", **{**URGENT, "motive": False}), "motive-missing"),
    "a regulation centre against the opposition": (
        asking("professional", **{**SAMU, "regulation_centre": False}),
        "emergency-opposed",
    ),
    "a regulation centre by somebody who does not regulate": (
        asking("professional", **{**SAMU, "regulator": False}),
        "mode-not-permitted",
    ),
    "masked documents stay masked in an emergency": (asking("professional", **URGENT, labels=MASKED), "masked"),
    "unless the person permits them, hidden sections too": (
        asking("professional", **URGENT, labels=MASKED, section_hidden=True, masked_in_emergency=True),
        "break-glass",
    ),
    "an author's own document is judged by the last known choices": (
        asking("professional", **MINE, copies_fresh=False, matrix_cell="unknown"),
        "author",
    ),
    "a block among them wins": (
        asking("professional", **MINE, copies_fresh=False, blocked="professional"),
        "blocked",
    ),
    "not what a colleague wrote": (
        asking("professional", own_deposit=True, copies_fresh=False),
        "copies-too-old",
    ),
    "an emergency is judged by the last known choices": (
        asking("professional", **URGENT, copies_fresh=False),
        "break-glass",
    ),
    "a patient has no emergency": (asking("patient", mode="bris_de_glace", motive=True), "mode-not-permitted"),
    "a social worker breaks no glass": (
        asking("professional", **{**URGENT, "profession": "R94_41"}),
        "mode-not-permitted",
    ),
    "writing is not hindered in an emergency": (
        asking("professional", "deposit", **URGENT, labels_asked=N),
        "feeding",
    ),
    "what was shown to representatives for ever is not hidden by a new version": (
        asking("software", "replace", shown_to_representatives=True, labels_asked=NOT_FOR_REPRESENTATIVES),
        "lifting-is-final",
    ),
    # secret connection
    "a secret connection of a minor reads": (asking("professional", secret=True, minor=True), "authorised"),
    "of an adult it does not": (asking("professional", secret=True), "minor-only"),
    "together with an emergency it is refused": (
        asking("professional", **URGENT, secret=True, minor=True),
        "mode-not-permitted",
    ),
    "in it only what representatives do not see is deposited": (
        asking("professional", "deposit", secret=True, minor=True, labels_asked=N),
        "secret-not-kept",
    ),
    # matrix
    "what the decree denies": (asking("professional", matrix_cell="denied"), "not-in-matrix"),
    "what it does not say, for a health profession": (
        asking("professional", matrix_cell="allowed-by-default"),
        "authorised",
    ),
    "what it does not say, for the others": (asking("professional", matrix_cell="denied-by-default"), "not-in-matrix"),
    "a type that nobody knows": (asking("professional", matrix_cell="unknown"), "not-in-matrix"),
    # labels
    "a masked document": (asking("professional", labels=MASKED), "masked"),
    "invisible to the patient": (asking("patient", labels=NOT_FOR_PATIENT), "invisible-to-patient"),
    "invisible to the patient is invisible to a carer": (
        asking("carer", labels=NOT_FOR_PATIENT),
        "invisible-to-patient",
    ),
    "and to an application": (asking("application", labels=NOT_FOR_PATIENT), "invisible-to-patient"),
    "a professional reads what is invisible to the patient": (
        asking("professional", labels=NOT_FOR_PATIENT),
        "authorised",
    ),
    "invisible to representatives, by one": (
        asking("representative", labels=NOT_FOR_REPRESENTATIVES),
        "invisible-to-representatives",
    ),
    "invisible to representatives, by the holder": (asking("patient", labels=NOT_FOR_REPRESENTATIVES), "own-record"),
    "archived is readable": (asking("professional", document_status="archived"), "authorised"),
    "superseded is readable": (asking("patient", document_status="superseded"), "own-record"),
    "deleted by nobody: the patient": (asking("patient", document_status="deleted"), "not-published"),
    "deleted by nobody: the author": (asking("professional", **MINE, document_status="deleted"), "not-published"),
    "deleted by nobody: the depositor": (asking("software", document_status="deleted"), "not-published"),
    "refused is the depositor's": (asking("software", document_status="refused"), "own-deposit"),
    "received is nobody else's": (asking("patient", document_status="received"), "not-published"),
    "confidentiality R is refused at deposit": (
        asking("software", "deposit", labels_asked=frozenset({"R"})),
        "labels-not-allowed",
    ),
    "masked and invisible to the patient together": (
        asking("software", "deposit", labels_asked=MASKED | NOT_FOR_PATIENT),
        "masked-and-invisible",
    ),
    "the patient's mask may stand beside what the author hides": (
        asking("software", "label", change="hide-from-patient", labels=MASKED, masked_by="patient"),
        "own-deposit",
    ),
    # labelling
    "the patient masks any document": (asking("patient", "label", change="mask"), "patient-side"),
    "a carer too": (asking("carer", "label", change="mask"), "patient-side"),
    "a professional who is not the author does not": (
        asking("professional", "label", change="mask"),
        "not-own-document",
    ),
    "an author does not lift the patient's mask": (
        asking("professional", "label", **MINE, change="unmask", labels=MASKED, masked_by="patient"),
        "masked-by-patient",
    ),
    "the patient does": (
        asking("patient", "label", change="unmask", labels=MASKED, masked_by="patient"),
        "patient-side",
    ),
    "invisible codes are an author's": (asking("patient", "label", change="hide-from-patient"), "change-not-permitted"),
    "showing to representatives is final": (
        asking("professional", "label", **MINE, change="hide-from-representatives", shown_to_representatives=True),
        "lifting-is-final",
    ),
    # deletion
    "the patient deletes own documents": (asking("patient", "delete", deposited_by="patient"), "patient-side"),
    "not a hospital's": (asking("patient", "delete"), "not-own-document"),
    "a carer what the carer deposited": (
        asking("carer", "delete", deposited_by="carer", self_deposited=True),
        "patient-side",
    ),
    "not what the patient deposited": (asking("carer", "delete", deposited_by="patient"), "not-own-document"),
    # deposits by the patient
    "the patient deposits documents of class 90": (
        asking("patient", "deposit", class_code="90", labels_asked=N),
        "own-document",
    ),
    "no report": (asking("patient", "deposit", class_code="10", labels_asked=N), "type-not-yours"),
    # closed record
    "a closed record is the holder's": (asking("patient", record_status="closed"), "own-record"),
    "not a representative's": (asking("representative", record_status="closed"), "record-closed"),
    "nor the depositor's": (asking("software", record_status="closed"), "record-closed"),
    "nobody writes in it": (asking("patient", "label", change="mask", record_status="closed"), "record-closed"),
    # a deceased person's record
    "the account of a deceased person reads nothing": (asking("patient", record_status="deceased"), "holder-deceased"),
    "it has no list of accesses": (asking("patient", "read-access-list", record_status="deceased"), "holder-deceased"),
    "who represented reads nothing": (asking("representative", record_status="deceased"), "holder-deceased"),
    "an emergency opens it no more": (
        asking("professional", **{**URGENT, "record_status": "deceased"}),
        "holder-deceased",
    ),
    "nor does its depositor": (asking("software", record_status="deceased"), "holder-deceased"),
    "nobody deposits in it": (
        asking("software", "deposit", record_status="deceased", labels_asked=N),
        "holder-deceased",
    ),
    "a record that nobody knows": (asking("professional", record_status="unknown"), "record-unknown"),
    "nor does a deposit find it": (
        asking("software", "deposit", record_status="unknown", labels_asked=N),
        "record-unknown",
    ),
    # access list
    "the patient sees who did what": (asking("patient", "read-access-list"), "own-record"),
    "a representative too": (asking("representative", "read-access-list"), "representative"),
    "a carer does not": (asking("carer", "read-access-list"), "kind-not-permitted"),
    "a professional does not": (asking("professional", "read-access-list"), "kind-not-permitted"),
    # a vaccination certificate
    "the holder has vaccinations certified": (asking("patient", "certify", **WHOLE), "own-record"),
    "from a masked document": (asking("patient", "certify", labels=MASKED), "own-record"),
    "and from an archived one": (asking("patient", "certify", document_status="archived"), "own-record"),
    "not from an earlier version": (asking("patient", "certify", document_status="superseded"), "not-current"),
    "not from what the holder may not see yet": (
        asking("patient", "certify", labels=NOT_FOR_PATIENT),
        "invisible-to-patient",
    ),
    "for a representative not from what is kept from representatives": (
        asking("representative", "certify", labels=NOT_FOR_REPRESENTATIVES),
        "invisible-to-representatives",
    ),
    **{
        f"{kind}: no certificate": (asking(kind, "certify", **WHOLE), "kind-not-permitted")
        for kind in ("carer", "application", "professional", "software")
    },
    # a copy of the whole record
    "the holder takes a copy": (asking("patient", "export", **WHOLE), "own-record"),
    "with masked documents": (asking("patient", "export", labels=MASKED), "own-record"),
    "not with what the holder may not see yet": (
        asking("patient", "export", labels=NOT_FOR_PATIENT),
        "invisible-to-patient",
    ),
    "nor a representative with what is kept from representatives": (
        asking("representative", "export", labels=NOT_FOR_REPRESENTATIVES),
        "invisible-to-representatives",
    ),
    "a representative waits while the copies are old": (
        asking("representative", "export", **WHOLE, copies_fresh=False),
        "copies-too-old",
    ),
    "who represents no more takes none": (
        asking("representative", "export", **WHOLE, relation="none"),
        "not-own-record",
    ),
    **{
        f"{kind}: no copy of {what}": (asking(kind, "export", **document), "kind-not-permitted")
        for kind in ("carer", "application", "professional", "software")
        for what, document in (("the record", WHOLE), ("a document", {}))
    },
    **{
        f"no copy for a professional in {mode['mode']}": (
            asking("professional", "export", **mode),
            "kind-not-permitted",
        )
        for mode in (URGENT, SAMU)
    },
    # the summary sheet
    **{
        f"the sheet of a record, {kind}": (asking(kind, "read-summary", **WHOLE), rule)
        for kind, rule in (
            *(("patient", "own-record"), ("representative", "representative"), ("carer", "carer")),
            *(("application", "application"), ("professional", "authorised")),
        )
    },
    "software reads no sheet": (asking("software", "read-summary", **WHOLE), "action-not-permitted"),
    "a masked source of the sheet": (asking("professional", "read-summary", labels=MASKED), "masked"),
    "a source that an emergency does not open": (
        asking("professional", "read-summary", **URGENT, labels=MASKED),
        "masked",
    ),
    "under the rules before, the sheet was asked for as one document": (
        asking("professional", "read-summary", **WHOLE, as_of="7"),
        "not-published",
    ),
    "a version of the sheet that cites what the reader may not read": (
        asking("professional", citations="hidden"),
        "citation-hidden",
    ),
    "even for the doctor who wrote it": (asking("professional", **MINE, citations="hidden"), "citation-hidden"),
    "and for the software that deposited it": (asking("software", citations="hidden"), "citation-hidden"),
    "it is not masked by a holder who may not read all of it": (
        asking("patient", "label", change="mask", citations="hidden"),
        "citation-hidden",
    ),
    "whose citations nobody has looked at": (asking("patient", citations="unchecked"), "citation-hidden"),
    "that cites what the reader may read": (asking("patient", citations="readable"), "own-record"),
    "the médecin traitant confirms": (
        asking("professional", "confirm-summary", **ATTENDING, **WHOLE),
        "attending-doctor",
    ),
    "another doctor does not": (asking("professional", "confirm-summary", **WHOLE), "not-attending-doctor"),
    "nor one without any access, who learns nothing": (
        asking("professional", "confirm-summary", **NOBODYS, **WHOLE),
        "not-authorised",
    ),
    "nor a pharmacist with that status": (
        asking("professional", "confirm-summary", attending_doctor=True, profession="G15_21", **WHOLE),
        "not-attending-doctor",
    ),
    "nor the médecin traitant while the copies are old": (
        asking("professional", "confirm-summary", **ATTENDING, **WHOLE, copies_fresh=False),
        "copies-too-old",
    ),
    **{
        f"nor in another mode: {name}": (
            asking("professional", "confirm-summary", **{**mode, "attending_doctor": True}, **WHOLE),
            "mode-not-permitted",
        )
        for name, mode in (("break-glass", URGENT), ("regulation", SAMU), ("secret", {"secret": True, "minor": True}))
    },
    **{
        f"{kind} confirms nothing": (asking(kind, "confirm-summary", **WHOLE), "kind-not-permitted")
        for kind in ("patient", "representative", "carer", "application", "software")
    },
    **{
        f"no line is offered for confirmation: {name}": (
            asking("professional", "confirm-summary", **ATTENDING, **source),
            "source-hidden",
        )
        for name, source in (
            ("of a masked document", {"labels": MASKED}),
            ("invisible to the patient", {"labels": NOT_FOR_PATIENT}),
            ("invisible to representatives", {"labels": NOT_FOR_REPRESENTATIVES}),
            ("of a minor in secret", {"by_minor_in_secret": True}),
            ("of a hidden section", {"section_hidden": True}),
        )
    },
    # rights
    **{
        f"a carer may {change}": (asking("carer", "change-rights", change=change), "carer")
        for change in ("authorise-professional", "block-professional", "hide-section", "end-attestation")
    },
    "a carer attests for no structure": (
        asking("carer", "change-rights", change="attest-care-team"),
        "change-not-permitted",
    ),
    "whose delegation has ended is no carer": (
        asking("carer", "change-rights", change="hide-section", relation="none"),
        "not-own-record",
    ),
    "a carer waits while the copies are old": (
        asking("carer", "change-rights", change="hide-section", copies_fresh=False),
        "copies-too-old",
    ),
    "of a closed record a carer changes nothing": (
        asking("carer", "change-rights", change="hide-section", record_status="closed"),
        "record-closed",
    ),
    "a professional authorises nobody else": (
        asking("professional", "change-rights", change="authorise-professional", card_present=True),
        "change-not-permitted",
    ),
    "the own person with the card": (
        asking("professional", "change-rights", change="authorise-professional", card_present=True, about_self=True),
        "card-present",
    ),
    "nobody attests against an objection": (
        asking("software", "change-rights", change="attest-care-team", about_self=True, care_team_objected=True),
        "care-team-objected",
    ),
    # callers who may never read
    **{
        f"{never} never, by no authorisation": (asking("professional", never=never), "kind-not-permitted")
        for never in ("insurer", "mutuelle", "bank", "employer", "occupational-medicine")
    },
    "occupational medicine where the parameter lets it, with express consent": (
        asking("professional", never="occupational-medicine", occupational_medicine="allowed"),
        "authorised",
    ),
    "but not a nurse of it": (
        asking("professional", **OCCUPATIONAL, profession="G15_60"),
        "kind-not-permitted",
    ),
    "nor does the nurse deposit": (
        asking("professional", "deposit", **OCCUPATIONAL, profession="G15_60", labels_asked=N),
        "kind-not-permitted",
    ),
    "whose doctor does": (
        asking("professional", "deposit", **OCCUPATIONAL, labels_asked=N),
        "feeding",
    ),
    "under the rules before, the nurse read": (
        asking("professional", **OCCUPATIONAL, profession="G15_60", as_of="3"),
        "authorised",
    ),
    "a pharmacist is nobody's médecin traitant": (
        asking("professional", **NOBODYS, attending_doctor=True, profession="G15_21"),
        "not-authorised",
    ),
    "nor sees what is masked by an authorisation beside that status": (
        asking("professional", attending_doctor=True, profession="G15_21", labels=MASKED),
        "masked",
    ),
    "nor blocks anybody": (
        asking(
            "professional",
            "change-rights",
            change="block-professional",
            attending_doctor=True,
            profession="G15_21",
        ),
        "change-not-permitted",
    ),
    "under the rules before, the pharmacist read": (
        asking("professional", **NOBODYS, attending_doctor=True, profession="G15_21", as_of="3"),
        "attending-doctor",
    ),
    "but never by break-glass": (
        asking("professional", **URGENT, never="occupational-medicine", occupational_medicine="allowed"),
        "kind-not-permitted",
    ),
    "support and agents see nothing": (Facts(action="find", actor_kind="administrator"), "kind-not-permitted"),
    "an automated producer reads nothing": (
        asking("professional", profession="A00_AUTOMATE"),
        "profession-not-permitted",
    ),
    "it feeds": (asking("professional", "deposit", profession="A00_AUTOMATE", labels_asked=N), "feeding"),
    "what nobody knows is refused": (Facts(action="burn", actor_kind="patient"), "action-unknown"),
}
OPEN_REASONS = frozenset(
    {
        *("kind-not-permitted", "action-unknown", "action-not-permitted", "profession-not-permitted"),
        *("mode-not-permitted", "motive-missing", "search-not-permitted", "copies-too-old", "choices-unknown"),
    }
)
"""Refusals of a reading that may be disclosed: they reveal nothing about the record, its choices or a document."""


@pytest.mark.parametrize("row", sorted(ROWS))
def test_what_was_settled(row: str) -> None:
    facts, code = ROWS[row]
    answer = decide(facts)
    assert (answer.rule if isinstance(answer, Permit) else answer.reason) == code


@pytest.mark.parametrize("row", sorted(row for row in ROWS if ROWS[row][0].action in ("read", "find")))
def test_a_reading_refused_by_somebodys_choice_is_answered_like_what_does_not_exist(row: str) -> None:
    answer = decide(ROWS[row][0])
    assert isinstance(answer, Permit) or answer.hides_existence is (answer.reason not in OPEN_REASONS)


def test_an_old_copy_answers_the_same_whatever_the_record_and_the_document() -> None:
    facts = asking("professional", copies_fresh=False)
    for other in (
        {"record_status": "unknown"},
        {"blocked": "both"},
        {"labels": MASKED},
        {"document_status": "deleted"},
    ):
        decision = decide(asking("professional", copies_fresh=False, **other))
        assert isinstance(decision, Refusal)
        assert decision == decide(facts)
        assert decision.retry


def test_the_reader_is_told_of_an_emergency_and_of_what_the_decree_does_not_say() -> None:
    for facts, notices in (
        (asking("professional", **URGENT), ("emergency",)),
        (asking("professional", matrix_cell="allowed-by-default"), ("not-from-the-decree",)),
        (asking("professional", document_status="archived"), ("archived",)),
        (asking("professional"), ()),
    ):
        answer = decide(facts)
        assert isinstance(answer, Permit)
        assert answer.notices == notices
