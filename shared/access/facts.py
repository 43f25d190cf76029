"""The input and the output of the access rules. The calling code loads the facts; the rules load nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

PROXIES: Final[frozenset[str]] = frozenset({"representative", "carer"})
"""Kinds of actor that act for a patient in the patient's record."""
PATIENT_SIDE: Final[frozenset[str]] = PROXIES | {"patient"}
"""The patient, representatives and carers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All facts that one decision rests on, as one flat value of codes. A fact that is left out counts as unknown.

    The codes describe the caller, the record, the person's choices, the document and the national parameters at one
    moment. They contain no name, number or free text. A code that the rules do not know is refused.

    The caller. `actor_kind`: a kind of `shared.contracts.base.ActorKind`, or any other word. `profession`: table and
    code (`G15_10`, `A00_DISPOSITIF`). `relation`: holder, representative, carer, application or none, from the copy of
    the record's people. `never`: insurer, mutuelle, bank, employer or occupational-medicine, when the caller or the
    structure acted for is one. `regulator`: identity confirms that the caller is a regulating doctor of a centre 15.
    `mode`: TRE_R248. `secret`: secret connection of a minor. `motive`: the caller gave a motive, which is sealed.
    `record_named`: the token of the emergency is for this record. `card_present`: the card of this record's holder was
    read in this session. `about_self`: the change is about the caller.

    The record. `record_status`: open, closed, deceased (closed by the holder's death) or unknown. `minor`: the holder
    is a minor. `choices_known`: a state of consent is present. `copies_fresh`: every copy that counts is younger than
    the limit.

    The choices. `authorisation`: none, future, expired or valid; of the professional or the structure, given by the
    patient side. `care_team`: none, future, expired or valid; by a structure's attestation. `blocked`: none,
    professional, structure or both. `section_hidden`: the person hides the document's section. `application_may`: the
    application may read this section.

    The document; left out when the question is about the record alone. `document_status`: received, published, refused,
    archived, superseded or deleted. `author`: the caller wrote it. `own_deposit`: the calling software belongs to the
    organisation that deposited it. `deposited_by`: the kind of depositor: organisation, patient, representative, carer
    or application. `self_deposited`: this very caller deposited it. `masked_by`: author or patient, when it is masked.
    `by_minor_in_secret`: deposited in a secret connection. `shown_to_representatives`: it was invisible to
    representatives once, and was then shown. `citations`: none (it cites no document), readable (the caller may read
    each document that it cites), hidden or unchecked.

    `collected`: what a structure reports as collected from the person: none (the change is no such report), current,
    outdated (a later one of the structure was applied), superseded (the patient side chose otherwise later) or ended
    (its period is over, or ends before it begins). `objection_by_patient`: the objection to deposits that the change
    concerns is the patient side's own.

    The change, for actions that change something. `change`: a code of `rights.CHANGES`, a change of a label (`mask`,
    `unmask` ...), `archive` or `unarchive`. `labels_asked`: the labels that a deposit asks for. `type_asked`: the type
    of the document that replaces this one. `organisation_objected`: the person objects to this organisation's deposits.

    The parameters. `matrix_cell`: allowed, denied, allowed-by-default, denied-by-default or unknown, for this
    profession and type in the matrix in force. `masked_and_invisible_allowed`: the national parameter
    `cumul-invisible_patient-masque_ps`. `occupational_medicine`: never or allowed.

    `as_of`: an earlier version of the rules that is kept, to repeat a decision made under it; None, as in every
    request: the present rules.
    """

    action: str
    actor_kind: str
    profession: str | None = None
    relation: str = "none"
    never: str | None = None
    regulator: bool = False
    mode: str = "normal"
    secret: bool = False
    motive: bool = False
    record_named: bool = False
    card_present: bool = False
    about_self: bool = False

    record_status: str = "unknown"
    minor: bool = False
    choices_known: bool = False
    copies_fresh: bool = False

    authorisation: str = "none"
    care_team: str = "none"
    care_team_objected: bool = False
    attending_doctor: bool = False
    blocked: str = "unknown"
    break_glass: bool = False
    regulation_centre: bool = False
    masked_in_emergency: bool = False
    section_hidden: bool = True
    application_may: bool = False
    organisation_objected: bool = True
    collected: str = "none"
    objection_by_patient: bool = False

    document_status: str | None = None
    document_type: str | None = None
    class_code: str | None = None
    section: str | None = None
    labels: frozenset[str] = frozenset()
    author: bool = False
    own_deposit: bool = False
    self_deposited: bool = False
    deposited_by: str = "unknown"
    masked_by: str | None = None
    by_minor_in_secret: bool = False
    shown_to_representatives: bool = False
    citations: str = "none"

    change: str | None = None
    labels_asked: frozenset[str] = frozenset()
    type_asked: str | None = None

    matrix_cell: str = "unknown"
    masked_and_invisible_allowed: bool = False
    occupational_medicine: str = "never"
    as_of: str | None = None


def blocked_of(blocked: Collection[str], person_id: str | None, structure_id: str | None) -> str:
    """Returns the fact `blocked` for a person acting for a structure: none, professional, structure or both."""
    in_person, by_structure = person_id in blocked, structure_id in blocked
    if in_person:
        return "both" if by_structure else "professional"
    return "structure" if by_structure else "none"


@dataclass(frozen=True, slots=True)
class Permit:
    """A permission: `rule` is the stable code of the rule that permitted, `passed` the reasons of the requirements met.

    `notices`: codes sent with the answer (`not-from-the-decree`, `emergency`).
    """

    rule: str
    rules_version: str
    passed: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: `reason` is the stable code of the first requirement not met, `passed` the reasons of those met before
    it.

    `hides_existence`: the refusal rests on somebody's choice, or on something that the caller must not learn; the
    answer is the one for something that does not exist. `retry`: it cannot be checked now; a later attempt may be
    permitted.
    """

    reason: str
    hides_existence: bool
    rules_version: str
    retry: bool = False
    passed: tuple[str, ...] = ()
