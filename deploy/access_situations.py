"""The situations of docs/access.md: callers, documents and requests, each as the facts that it differs by."""

from collections.abc import Mapping
from typing import Any, Final

NORMAL: Final = frozenset({"N"})
BASE_FACTS: Final[dict[str, Any]] = {
    "record_status": "open",
    "choices_known": True,
    "copies_fresh": True,
    "blocked": "none",
    "section_hidden": False,
    "organisation_objected": False,
    "matrix_cell": "allowed",
    "labels_asked": NORMAL,
}
DOCUMENT: Final[dict[str, Any]] = {"document_status": "published", "labels": NORMAL, "deposited_by": "organisation"}
DOCTOR: Final[dict[str, Any]] = {"actor_kind": "professional", "profession": "G15_10"}
URGENT: Final[dict[str, Any]] = {**DOCTOR, "motive": True, "record_named": True}

READERS: Final[Mapping[str, dict[str, Any]]] = {
    "holder": {"actor_kind": "patient", "relation": "holder"},
    "representative": {"actor_kind": "representative", "relation": "representative"},
    "carer": {"actor_kind": "carer", "relation": "carer"},
    "application with this section": {
        "actor_kind": "application",
        "relation": "application",
        "application_may": True,
    },
    "doctor, nothing chosen": DOCTOR,
    "doctor, authorised": {**DOCTOR, "authorisation": "valid"},
    "doctor, authorisation expired": {**DOCTOR, "authorisation": "expired"},
    "doctor of an attested care team": {**DOCTOR, "care_team": "valid"},
    "doctor of an attested care team, objected to": {**DOCTOR, "care_team": "valid", "care_team_objected": True},
    "médecin traitant": {**DOCTOR, "attending_doctor": True},
    "médecin traitant status, held by a pharmacist": {**DOCTOR, "profession": "G15_21", "attending_doctor": True},
    "author": {**DOCTOR, "author": True},
    "doctor, blocked but authorised": {**DOCTOR, "authorisation": "valid", "blocked": "professional"},
    "profession that the matrix denies": {**DOCTOR, "authorisation": "valid", "matrix_cell": "denied"},
    "break-glass": {**URGENT, "mode": "bris_de_glace", "break_glass": True},
    "break-glass, opposed": {**URGENT, "mode": "bris_de_glace"},
    "break-glass for another record": {
        **URGENT,
        "mode": "bris_de_glace",
        "break_glass": True,
        "record_named": False,
    },
    "break-glass, masked documents permitted": {
        **URGENT,
        "mode": "bris_de_glace",
        "break_glass": True,
        "masked_in_emergency": True,
    },
    "centre 15, structure blocked": {
        **URGENT,
        "mode": "centre_15",
        "regulator": True,
        "regulation_centre": True,
        "blocked": "structure",
    },
    "software of the depositor": {"actor_kind": "software", "own_deposit": True},
    "other software": {"actor_kind": "software"},
    "insurer, mutuelle, bank, employer": {**DOCTOR, "authorisation": "valid", "never": "insurer"},
    "occupational medicine": {**DOCTOR, "authorisation": "valid", "never": "occupational-medicine"},
    "occupational medicine, where the parameter allows it": {
        **DOCTOR,
        "authorisation": "valid",
        "never": "occupational-medicine",
        "occupational_medicine": "allowed",
    },
    "nurse of occupational medicine, where the parameter allows it": {
        **DOCTOR,
        "profession": "G15_60",
        "authorisation": "valid",
        "never": "occupational-medicine",
        "occupational_medicine": "allowed",
    },
    "agent, support, operator": {"actor_kind": "administrator"},
}
DOCUMENTS: Final[Mapping[str, dict[str, Any]]] = {
    "ordinary": {},
    "masked": {"labels": NORMAL | {"MASQUE_PS"}},
    "in a hidden section": {"section_hidden": True},
    "invisible to the patient": {"labels": NORMAL | {"INVISIBLE_PATIENT"}},
    "invisible to representatives": {"labels": NORMAL | {"INVISIBLE_REPRESENTANTS_LEGAUX"}},
    "refused at deposit": {"document_status": "refused"},
    "deleted": {"document_status": "deleted"},
    "in a closed record": {"record_status": "closed"},
    "while copies are too old": {"copies_fresh": False},
    "in the record of a deceased person": {"record_status": "deceased"},
}
DEPOSITOR: Final[dict[str, Any]] = {"author": True, "own_deposit": True}
WRITERS: Final[Mapping[str, dict[str, Any]]] = {
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
    "author": {**DOCTOR, **DEPOSITOR},
    "author, blocked": {**DOCTOR, **DEPOSITOR, "blocked": "professional"},
    "another professional, authorised": {**DOCTOR, "authorisation": "valid"},
    "nurse of occupational medicine, where the parameter allows it": {
        **DOCTOR,
        "profession": "G15_60",
        "never": "occupational-medicine",
        "occupational_medicine": "allowed",
    },
    "software of the depositor": {"actor_kind": "software", **DEPOSITOR},
    "software of a blocked structure": {"actor_kind": "software", **DEPOSITOR, "blocked": "structure"},
    "software of an organisation objected to": {
        "actor_kind": "software",
        **DEPOSITOR,
        "organisation_objected": True,
    },
}
WRITING: Final[Mapping[str, dict[str, Any]]] = {
    "deposit": {"action": "deposit"},
    "replace": {"action": "replace", "document_type": "11488-4", "type_asked": "11488-4"},
    "replace by another type": {"action": "replace", "document_type": "11488-4", "type_asked": "11502-2"},
    "mask": {"action": "label", "change": "mask"},
    "hide from the patient": {"action": "label", "change": "hide-from-patient"},
    "archive": {"action": "archive", "change": "archive"},
    "delete": {"action": "delete"},
}
CHANGERS: Final[Mapping[str, dict[str, Any]]] = {
    "holder": {"actor_kind": "patient", "relation": "holder"},
    "representative": {"actor_kind": "representative", "relation": "representative"},
    "carer": {"actor_kind": "carer", "relation": "carer"},
    "professional": DOCTOR,
    "professional, the card present, about self": {**DOCTOR, "card_present": True, "about_self": True},
    "médecin traitant": {**DOCTOR, "attending_doctor": True},
    "médecin traitant status, held by a pharmacist": {**DOCTOR, "profession": "G15_21", "attending_doctor": True},
    "software of a structure, about it": {"actor_kind": "software", "about_self": True},
    "software of a structure, after the person ended its attestation": {
        "actor_kind": "software",
        "about_self": True,
        "care_team_objected": True,
    },
}
EXPORTERS: Final[Mapping[str, dict[str, Any]]] = {
    name: READERS[name]
    for name in (
        *("holder", "representative", "carer", "application with this section", "médecin traitant", "author"),
        *("software of the depositor", "agent, support, operator"),
    )
}
EXPORTED: Final[Mapping[str, dict[str, Any]]] = {
    "the copy": {"action": "export", "document_status": None, "labels": frozenset()},
    **{
        name: {**DOCUMENT, **DOCUMENTS[name], "action": "export"}
        for name in ("ordinary", "masked", "invisible to the patient", "invisible to representatives")
    },
}
CERTIFIED: Final[Mapping[str, dict[str, Any]]] = {
    "the certificate": {"action": "certify", "document_status": None, "labels": frozenset()},
    **{
        name: {**DOCUMENT, **DOCUMENTS[name], "action": "certify"}
        for name in ("ordinary", "masked", "invisible to the patient", "invisible to representatives")
    },
    "an earlier version": {**DOCUMENT, "document_status": "superseded", "action": "certify"},
}
SHEET_READERS: Final[Mapping[str, dict[str, Any]]] = {
    name: facts
    for name, facts in READERS.items()
    if name in ("holder", "representative", "carer", "application with this section")
    or name.startswith(("doctor,", "médecin traitant", "break-glass", "software of"))
}
SHEET: Final[Mapping[str, dict[str, Any]]] = {
    "read it": {"action": "read-summary", "document_status": None, "labels": frozenset()},
    "a version that cites what this reader may not read": {"action": "find", "citations": "hidden"},
    "confirm it": {"action": "confirm-summary", "document_status": None, "labels": frozenset()},
    "confirm a line of an ordinary document": {"action": "confirm-summary"},
    "of a masked document": {"action": "confirm-summary", **DOCUMENTS["masked"]},
}
CHANGES: Final = (
    *("authorise-professional", "end-authorisation", "block-professional", "object-to-feeding"),
    *("choose-emergency-access", "hide-section", "attest-care-team", "end-attestation"),
    *("withdraw-attestation-objection", "name-attending-doctor"),
)
