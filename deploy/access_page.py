"""Generates docs/access.md, the tables of who may do what, for readers who know the law rather than the code.

`shared.access.decide` gives every answer on the page. The questions are those with which audit explains a decision
(services/audit/explanations/explanations.toml). Only the situations and the sources are written by hand.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from shared.access import RULES_VERSION, Facts, Permit, decide
from shared.access.decide import ACTIONS
from shared.terminology.documents import document_types
from shared.terminology.matrix import packaged
from shared.terminology.professions import professions

_TEXTS: Final = Path(__file__).parents[1] / "services" / "audit" / "explanations" / "explanations.toml"
_NORMAL: Final = frozenset({"N"})
_BASE_FACTS: Final[dict[str, Any]] = {
    "record_status": "open",
    "choices_known": True,
    "copies_fresh": True,
    "blocked": "none",
    "section_hidden": False,
    "organisation_objected": False,
    "matrix_cell": "allowed",
    "labels_asked": _NORMAL,
}
_DOCUMENT: Final[dict[str, Any]] = {"document_status": "published", "labels": _NORMAL, "deposited_by": "organisation"}
_DOCTOR: Final[dict[str, Any]] = {"actor_kind": "professional", "profession": "G15_10"}
_URGENT: Final[dict[str, Any]] = {**_DOCTOR, "motive": True, "record_named": True}

_READERS: Final[Mapping[str, dict[str, Any]]] = {
    "holder": {"actor_kind": "patient", "relation": "holder"},
    "representative": {"actor_kind": "representative", "relation": "representative"},
    "carer": {"actor_kind": "carer", "relation": "carer"},
    "application with this section": {
        "actor_kind": "application",
        "relation": "application",
        "application_may": True,
    },
    "doctor, nothing chosen": _DOCTOR,
    "doctor, authorised": {**_DOCTOR, "authorisation": "valid"},
    "doctor, authorisation expired": {**_DOCTOR, "authorisation": "expired"},
    "doctor of an attested care team": {**_DOCTOR, "care_team": "valid"},
    "doctor of an attested care team, objected to": {**_DOCTOR, "care_team": "valid", "care_team_objected": True},
    "médecin traitant": {**_DOCTOR, "attending_doctor": True},
    "médecin traitant status, held by a pharmacist": {**_DOCTOR, "profession": "G15_21", "attending_doctor": True},
    "author": {**_DOCTOR, "author": True},
    "doctor, blocked but authorised": {**_DOCTOR, "authorisation": "valid", "blocked": "professional"},
    "profession that the matrix denies": {**_DOCTOR, "authorisation": "valid", "matrix_cell": "denied"},
    "break-glass": {**_URGENT, "mode": "bris_de_glace", "break_glass": True},
    "break-glass, opposed": {**_URGENT, "mode": "bris_de_glace"},
    "break-glass for another record": {
        **_URGENT,
        "mode": "bris_de_glace",
        "break_glass": True,
        "record_named": False,
    },
    "break-glass, masked documents permitted": {
        **_URGENT,
        "mode": "bris_de_glace",
        "break_glass": True,
        "masked_in_emergency": True,
    },
    "centre 15, structure blocked": {
        **_URGENT,
        "mode": "centre_15",
        "regulator": True,
        "regulation_centre": True,
        "blocked": "structure",
    },
    "software of the depositor": {"actor_kind": "software", "own_deposit": True},
    "other software": {"actor_kind": "software"},
    "insurer, mutuelle, bank, employer": {**_DOCTOR, "authorisation": "valid", "never": "insurer"},
    "occupational medicine": {**_DOCTOR, "authorisation": "valid", "never": "occupational-medicine"},
    "occupational medicine, where the parameter allows it": {
        **_DOCTOR,
        "authorisation": "valid",
        "never": "occupational-medicine",
        "occupational_medicine": "allowed",
    },
    "nurse of occupational medicine, where the parameter allows it": {
        **_DOCTOR,
        "profession": "G15_60",
        "authorisation": "valid",
        "never": "occupational-medicine",
        "occupational_medicine": "allowed",
    },
    "agent, support, operator": {"actor_kind": "administrator"},
}
_DOCUMENTS: Final[Mapping[str, dict[str, Any]]] = {
    "ordinary": {},
    "masked": {"labels": _NORMAL | {"MASQUE_PS"}},
    "in a hidden section": {"section_hidden": True},
    "invisible to the patient": {"labels": _NORMAL | {"INVISIBLE_PATIENT"}},
    "invisible to representatives": {"labels": _NORMAL | {"INVISIBLE_REPRESENTANTS_LEGAUX"}},
    "refused at deposit": {"document_status": "refused"},
    "deleted": {"document_status": "deleted"},
    "in a closed record": {"record_status": "closed"},
    "while copies are too old": {"copies_fresh": False},
    "in the record of a deceased person": {"record_status": "deceased"},
}
_DEPOSITOR: Final[dict[str, Any]] = {"author": True, "own_deposit": True}
_WRITERS: Final[Mapping[str, dict[str, Any]]] = {
    "holder, own document": {
        "actor_kind": "patient",
        "relation": "holder",
        "deposited_by": "patient",
        "self_deposited": True,
        "class_code": "90",
    },
    "holder, a hospital's": {"actor_kind": "patient", "relation": "holder", "class_code": "10"},
    "representative, a hospital's": {
        "actor_kind": "representative",
        "relation": "representative",
        "class_code": "10",
    },
    "carer, deposited by this carer": {
        "actor_kind": "carer",
        "relation": "carer",
        "deposited_by": "carer",
        "self_deposited": True,
        "class_code": "90",
    },
    "author": {**_DOCTOR, **_DEPOSITOR},
    "author, blocked": {**_DOCTOR, **_DEPOSITOR, "blocked": "professional"},
    "another professional, authorised": {**_DOCTOR, "authorisation": "valid"},
    "nurse of occupational medicine, where the parameter allows it": {
        **_DOCTOR,
        "profession": "G15_60",
        "never": "occupational-medicine",
        "occupational_medicine": "allowed",
    },
    "software of the depositor": {"actor_kind": "software", **_DEPOSITOR},
    "software of a blocked structure": {"actor_kind": "software", **_DEPOSITOR, "blocked": "structure"},
    "software of an organisation objected to": {
        "actor_kind": "software",
        **_DEPOSITOR,
        "organisation_objected": True,
    },
}
_WRITING: Final[Mapping[str, dict[str, Any]]] = {
    "deposit": {"action": "deposit"},
    "replace": {"action": "replace", "document_type": "11488-4", "type_asked": "11488-4"},
    "replace by another type": {"action": "replace", "document_type": "11488-4", "type_asked": "11502-2"},
    "mask": {"action": "label", "change": "mask"},
    "hide from the patient": {"action": "label", "change": "hide-from-patient"},
    "archive": {"action": "archive", "change": "archive"},
    "delete": {"action": "delete"},
}
_CHANGERS: Final[Mapping[str, dict[str, Any]]] = {
    "holder": {"actor_kind": "patient", "relation": "holder"},
    "representative": {"actor_kind": "representative", "relation": "representative"},
    "carer": {"actor_kind": "carer", "relation": "carer"},
    "professional": _DOCTOR,
    "professional, the card present, about self": {**_DOCTOR, "card_present": True, "about_self": True},
    "médecin traitant": {**_DOCTOR, "attending_doctor": True},
    "médecin traitant status, held by a pharmacist": {**_DOCTOR, "profession": "G15_21", "attending_doctor": True},
    "software of a structure, about it": {"actor_kind": "software", "about_self": True},
    "software of a structure, after the person ended its attestation": {
        "actor_kind": "software",
        "about_self": True,
        "care_team_objected": True,
    },
}
_EXPORTERS: Final[Mapping[str, dict[str, Any]]] = {
    name: _READERS[name]
    for name in (
        *("holder", "representative", "carer", "application with this section", "médecin traitant", "author"),
        *("software of the depositor", "agent, support, operator"),
    )
}
_EXPORTED: Final[Mapping[str, dict[str, Any]]] = {
    "the copy": {"action": "export", "document_status": None, "labels": frozenset()},
    **{
        name: {**_DOCUMENT, **_DOCUMENTS[name], "action": "export"}
        for name in ("ordinary", "masked", "invisible to the patient", "invisible to representatives")
    },
}
_SHEET_READERS: Final[Mapping[str, dict[str, Any]]] = {
    name: facts
    for name, facts in _READERS.items()
    if name in ("holder", "representative", "carer", "application with this section")
    or name.startswith(("doctor,", "médecin traitant", "break-glass", "software of"))
}
_SHEET: Final[Mapping[str, dict[str, Any]]] = {
    "read it": {"action": "read-summary", "document_status": None, "labels": frozenset()},
    "a version that cites what this reader may not read": {"action": "find", "citations": "hidden"},
    "confirm it": {"action": "confirm-summary", "document_status": None, "labels": frozenset()},
    "confirm a line of an ordinary document": {"action": "confirm-summary"},
    "of a masked document": {"action": "confirm-summary", **_DOCUMENTS["masked"]},
}
_CHANGES: Final = (
    *("authorise-professional", "end-authorisation", "block-professional", "object-to-feeding"),
    *("choose-emergency-access", "hide-section", "attest-care-team", "end-attestation"),
    *("withdraw-attestation-objection", "name-attending-doctor"),
)
_SOURCES: Final[Mapping[str, str]] = {
    "kind-not-permitted": "L1111-18; L1111-17 IV",
    "profession-not-permitted": "JDV_J65; L1111-15",
    "motive-missing": "L1111-17 I; DMPi BB 121",
    "record-closed": "L1111-18",
    "not-authorised": "L1111-17 III, R1111-46",
    "emergency-opposed": "L1111-17 I",
    "blocked": "L1111-19, R1111-49; P4D TD02 NB1",
    "not-in-matrix": "arrêté of 26 October 2023",
    "masked": "R1111-49; DMPi EX_3.1-1030",
    "section-hidden": "R1111-49",
    "invisible-to-patient": "TRE_A07; DMPi BB 113",
    "invisible-to-representatives": "R1111-40; DMPi BB 113, BB 128",
    "masked-and-invisible": "DMPi EX_2.1-1050",
    "lifting-is-final": "DMPi EX_3.3-1045",
    "consent-opposed": "L1111-15",
    "labels-not-allowed": "CI-SIS HL7 v2, confidentiality N/R/V",
    "minor-only": "DMPi BB 60, BB 113",
}


def access_page() -> str:
    """Returns the page as Markdown."""
    questions = tomllib.loads(_TEXTS.read_text("utf-8"))["requirements"]
    return "\n".join(
        [
            "# Who may see what, and who may do what",
            "",
            f"Generated by `python -m deploy.generate` from version {RULES_VERSION} of the rules. The function that",
            "answers each request gave every answer below. The code after an answer names the rule that permitted, or",
            "the question whose answer forbade. Unknown facts lead to a refusal. Articles: Code de la santé publique.",
            "",
            *_questions_in_order(questions),
            *_readers_table(),
            *_table("Who writes", _WRITERS, _WRITING),
            *_table("Who changes who may see what", _CHANGERS, {change: _changing(change) for change in _CHANGES}),
            *_table("Who sees who did what", _CHANGERS, {"list of accesses": {"action": "read-access-list"}}),
            *_table("Who takes a copy of the whole record", _EXPORTERS, _EXPORTED),
            *_table("Who reads and confirms the summary sheet", _SHEET_READERS, _SHEET),
            *_matrix(),
        ]
    )


def _changing(change: str) -> dict[str, Any]:
    return {"action": "change-rights", "change": change}


def _questions_in_order(questions: Mapping[str, Any]) -> Iterator[str]:
    yield "## The order of the questions\n"
    yield "The first question whose answer forbids decides. All apply to a professional who reads, fewer to others.\n"
    codes = [requirement.reason for requirement in ACTIONS["read"][0]["professional"]]
    for number, code in enumerate(codes, 1):
        source = f" ({_SOURCES[code]})" if code in _SOURCES else ""
        yield f"{number}. {questions[code]['en'][0]} `{code}`{source}"
    yield "\nQuestions that apply to other callers or to other actions:\n"
    others = {
        requirement.reason
        for lists, _ in ACTIONS.values()
        for requirements in lists.values()
        for requirement in requirements
    }
    for code in sorted(others - {*codes}):
        source = f" ({_SOURCES[code]})" if code in _SOURCES else ""
        yield f"- {questions[code]['en'][0]} `{code}`{source}"
    yield "\nA refusal that rests on a person's choice is answered as if the document did not exist.\n"


def _readers_table() -> Iterator[str]:
    of_documents = {name: {**_DOCUMENT, **facts, "action": "read"} for name, facts in _DOCUMENTS.items()}
    yield from _table("Who reads a document", _READERS, of_documents)


def _table(title: str, callers: Mapping[str, dict[str, Any]], columns: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"| | {' | '.join(columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for name, caller in callers.items():
        cells = " | ".join(
            _cell({**_BASE_FACTS, **_document_of(question), **caller, **question}) for question in columns.values()
        )
        yield f"| {name} | {cells} |"
    yield ""


def _document_of(question: Mapping[str, Any]) -> dict[str, Any]:
    return {} if question["action"] in ("deposit", "change-rights", "read-access-list") else _DOCUMENT


def _cell(facts: dict[str, Any]) -> str:
    answer = decide(Facts(**facts))
    return f"**yes** `{answer.rule}`" if isinstance(answer, Permit) else f"no `{answer.reason}`"


def _matrix() -> Iterator[str]:
    matrix = packaged()[-1]
    yield f"## The matrix {matrix.name}\n"
    yield f"How many of the {len(document_types())} document types each profession may read, and on which source.\n"
    yield "| profession | decree: yes | decree: no | this project: yes | this project: no |\n|---|---|---|---|---|"
    for (table, code), profession in sorted(professions().items()):
        role = f"{table.removeprefix('TRE_')}_{code}"
        if table != "TRE_A00":
            counts = Counter(matrix.cell(role, document_type) for document_type in document_types())
            numbers = (counts[cell] for cell in ("allowed", "denied", "allowed-by-default", "denied-by-default"))
            yield f"| {profession.label} `{role}` | {' | '.join(str(number) for number in numbers)} |"
    yield ""
