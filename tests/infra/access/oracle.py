"""An independent statement of the access rules, as sentences about persons instead of lists of requirements."""

from shared.access import Facts
from shared.terminology.professions import professions

ROLES = {f"{table.removeprefix('TRE_')}_{code}" for table, code in professions()}
PRODUCERS = {role for role in ROLES if role.startswith("A00_")}
READERS = ROLES - PRODUCERS
EMERGENCY = {"bris_de_glace", "centre_15"}
SEEN = {"published", "archived", "superseded"}
HIDDEN = {"INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}
LABELS = {"N", "R", "V", "MASQUE_PS"} | HIDDEN
RIGHTS = {
    "authorise-professional",
    "end-authorisation",
    "block-professional",
    "unblock-professional",
    "object-to-feeding",
    "withdraw-feeding-objection",
    "choose-emergency-access",
    "hide-section",
    "show-section",
    "choose-default-label",
    "end-attestation",
    "object-to-care-team",
    "withdraw-care-team-objection",
    "name-attending-doctor",
    "end-attending-doctor",
    "withdraw-attestation-objection",
    "reference-application",
    "end-application",
}


def may(f: Facts) -> bool:
    """Returns whether the rules must permit the action."""
    if f.never and not _occupational_doctor_with_consent_may_ask(f):
        return False
    if f.record_status == "deceased":
        return False
    match f.action:
        case "read" | "find" | "read-summary" | "read-reimbursements":
            return _may_read(f)
        case "export":
            return f.actor_kind in ("patient", "representative") and _may_read(f)
        case "certify":
            return f.actor_kind in ("patient", "representative") and _may_read(f) and f.document_status != "superseded"
        case "confirm-summary":
            return _may_confirm(f)
        case "read-access-list":
            holder = f.actor_kind == "patient" and f.relation == "holder"
            return _plain(f) and (holder or (f.actor_kind == "representative" and _acts_for_the_holder(f)))
        case "change-rights":
            return f.record_status == "open" and _may_change_rights(f)
        case "deposit" | "replace" | "label" | "archive" | "delete":
            return f.record_status == "open" and _may_write(f)
        case _:
            return False


def _occupational_doctor_with_consent_may_ask(f: Facts) -> bool:
    parameter = f.never == "occupational-medicine" and f.occupational_medicine == "allowed"
    doctor = f.profession == "G15_10" or f.as_of == "3"
    return parameter and doctor and f.actor_kind == "professional" and f.mode == "normal"


def _is_attending_doctor(f: Facts) -> bool:
    return f.attending_doctor and f.never is None and (f.profession == "G15_10" or f.as_of == "3")


def _plain(f: Facts) -> bool:
    return f.mode == "normal" and not f.secret


def _acts_for_the_holder(f: Facts) -> bool:
    return f.relation == f.actor_kind and f.copies_fresh and f.record_status == "open"


def _mode_suits_a_professional(f: Facts) -> bool:
    if f.mode == "normal":
        return True
    if f.secret or f.profession not in READERS or not f.profession.startswith("G15_"):
        return False
    return f.mode == "bris_de_glace" or (f.mode == "centre_15" and f.profession == "G15_10" and f.regulator)


def _well_labelled(labels: frozenset[str]) -> bool:
    return sum(label in labels for label in "NRV") == 1 and not labels - LABELS


def _record_as_a_whole(f: Facts) -> bool:
    sheet = f.action == "read-summary" and f.as_of not in ("3", "4", "5", "6", "7")
    return (sheet or f.action in ("find", "export", "certify", "confirm-summary")) and f.document_status is None


def _cites_nothing_hidden(f: Facts) -> bool:
    return f.citations in ("none", "readable") or f.as_of in ("3", "4", "5", "6", "7")


def _may_confirm(f: Facts) -> bool:
    """The médecin traitant confirms, on fresh copies and in no emergency; nothing that anybody must not see."""
    doctor = f.actor_kind == "professional" and f.profession == "G15_10" and _is_attending_doctor(f)
    known = f.record_status == "open" and f.choices_known and f.copies_fresh and f.blocked == "none"
    in_matrix = f.author or f.matrix_cell in ("allowed", "allowed-by-default")
    hidden = f.section_hidden or f.by_minor_in_secret or f.labels & (HIDDEN | {"MASQUE_PS"})
    shown = f.document_status in SEEN and _well_labelled(f.labels) and in_matrix and not hidden
    return doctor and known and _plain(f) and (_record_as_a_whole(f) or shown)


def _may_read(f: Facts) -> bool:
    whole = _record_as_a_whole(f)
    shown = f.document_status in SEEN and _well_labelled(f.labels) and _cites_nothing_hidden(f)
    shown_to_patient = shown and "INVISIBLE_PATIENT" not in f.labels
    shown_to_others = shown_to_patient and "INVISIBLE_REPRESENTANTS_LEGAUX" not in f.labels
    match f.actor_kind:
        case "patient":
            return _plain(f) and f.relation == "holder" and (whole or shown_to_patient)
        case "representative" | "carer":
            return _plain(f) and _acts_for_the_holder(f) and (whole or shown_to_others)
        case "application":
            granted = whole or (f.application_may and shown_to_others)
            return _plain(f) and _acts_for_the_holder(f) and f.choices_known and granted
        case "software":
            own = f.own_deposit and f.document_status in SEEN | {"received", "refused"} and _cites_nothing_hidden(f)
            free = f.blocked in ("none", "professional")
            return _plain(f) and f.action in ("read", "find") and own and free and f.record_status == "open"
        case "professional":
            return _professional_may_read(f, shown, whole)
        case _:
            return False


def _professional_may_read(f: Facts, shown: bool, whole: bool) -> bool:
    emergency = f.mode in EMERGENCY
    wrote_it = f.author and not whole
    attending = _is_attending_doctor(f)
    for_this_record = not emergency or f.record_named or f.as_of in ("3", "4")
    asks_properly = f.profession in READERS and _mode_suits_a_professional(f) and (f.motive or not emergency)
    as_author = wrote_it and f.as_of != "3"
    is_known = f.record_status == "open" and f.choices_known and (f.copies_fresh or emergency or as_author)
    blocked = f.blocked != "none" and not (f.blocked == "structure" and f.mode == "centre_15")
    in_team = f.care_team == "valid" and not f.care_team_objected and f.never is None
    let_in = {
        "normal": f.authorisation == "valid" or in_team or attending,
        "bris_de_glace": f.break_glass,
        "centre_15": f.regulation_centre,
    }.get(f.mode, False)
    if not asks_properly or not for_this_record or not is_known or blocked or (f.secret and not f.minor):
        return False
    if wrote_it:
        return shown
    sees_hidden = attending or f.author or (emergency and f.masked_in_emergency)
    veiled = f.section_hidden or "MASQUE_PS" in f.labels
    in_matrix = f.matrix_cell in ("allowed", "allowed-by-default")
    return let_in and (whole or (shown and in_matrix and (sees_hidden or not veiled)))


def _may_change_rights(f: Facts) -> bool:
    if f.actor_kind in ("patient", "representative", "carer"):
        mine = f.relation == "holder" if f.actor_kind == "patient" else _acts_for_the_holder(f)
        return _plain(f) and mine and f.change in RIGHTS
    ends = f.change == "end-attestation" and f.about_self
    attests = f.change == "attest-care-team" and f.about_self and f.blocked == "none" and not f.care_team_objected
    if f.actor_kind == "software":
        reports = f.collected != "none" and f.about_self and f.as_of not in ("3", "4", "5")
        objects = f.change == "object-to-feeding" and reports
        own = not f.objection_by_patient and f.blocked == "none"
        withdraws = f.change == "withdraw-feeding-objection" and reports and own
        counts = f.collected in ("none", "current")
        return _plain(f) and counts and (ends or attests or objects or withdraws)
    if f.actor_kind != "professional" or f.profession not in READERS or not _mode_suits_a_professional(f):
        return False
    if f.mode in EMERGENCY and not f.record_named and f.as_of not in ("3", "4"):
        return False
    joins = f.change == "authorise-professional" and f.about_self and f.card_present
    blocks = f.change == "block-professional" and _is_attending_doctor(f) and not f.about_self
    return ends or attests or ((joins or blocks) and f.blocked == "none")


def _may_write(f: Facts) -> bool:
    patients_side = f.actor_kind in ("patient", "representative", "carer")
    if patients_side:
        mine = f.relation == "holder" if f.actor_kind == "patient" else _acts_for_the_holder(f)
        return _plain(f) and mine and _patients_side_may(f)
    if f.actor_kind == "professional":
        fit = f.profession in ROLES and _mode_suits_a_professional(f) and (f.minor or not f.secret)
        return fit and _author_may(f, f.author)
    return f.actor_kind == "software" and _plain(f) and _author_may(f, f.own_deposit)


def _labels_may_come_in(f: Facts) -> bool:
    both = {"MASQUE_PS", "INVISIBLE_PATIENT"} <= f.labels_asked and not f.masked_and_invisible_allowed
    return "N" in f.labels_asked and not f.labels_asked - (LABELS - {"R", "V"}) and not both


def _patients_side_may(f: Facts) -> bool:
    kept_from_representatives = f.labels_asked & HIDDEN == {"INVISIBLE_REPRESENTANTS_LEGAUX"} and f.relation == "holder"
    come_in = _labels_may_come_in(f) and (not f.labels_asked & HIDDEN or kept_from_representatives)
    if f.action == "deposit":
        return come_in and (f.class_code == "90" or (f.document_type or "").startswith("DOCPAT"))
    sees = f.document_status in SEEN and _well_labelled(f.labels) and "INVISIBLE_PATIENT" not in f.labels
    sees = sees and _cites_nothing_hidden(f)
    if not sees or (f.relation != "holder" and "INVISIBLE_REPRESENTANTS_LEGAUX" in f.labels):
        return False
    own = f.self_deposited if f.relation == "carer" else f.deposited_by in ("patient", "representative", "carer")
    match f.action:
        case "replace":
            return own and come_in and f.document_status != "superseded" and _stays_shown(f)
        case "archive":
            return own and f.change in ("archive", "unarchive")
        case "delete":
            return own
        case _:
            own_or_secret = f.relation == "holder" and (f.deposited_by == "patient" or f.by_minor_in_secret)
            hides = f.change == "hide-from-representatives" and not f.shown_to_representatives
            return f.change in ("mask", "unmask") or (
                own_or_secret and (hides or f.change == "show-to-representatives")
            )


def _stays_shown(f: Facts) -> bool:
    return not f.shown_to_representatives or "INVISIBLE_REPRESENTANTS_LEGAUX" not in f.labels_asked


def _author_may(f: Facts, own: bool) -> bool:
    secret_kept = not f.secret or "INVISIBLE_REPRESENTANTS_LEGAUX" in f.labels_asked
    if f.action == "deposit":
        return _may_feed(f) and not f.organisation_objected and _labels_may_come_in(f) and secret_kept
    if not own or f.document_status not in SEEN or not _well_labelled(f.labels):
        return False
    match f.action:
        case "replace":
            same_type = f.type_asked is not None and f.type_asked == f.document_type
            fed = f.as_of == "3" or (not f.organisation_objected and (_may_feed(f) or same_type))
            come_in = _labels_may_come_in(f) and secret_kept and _stays_shown(f)
            return fed and come_in and f.document_status != "superseded"
        case "archive":
            return f.change in ("archive", "unarchive")
        case "delete":
            return True
        case _:
            return _author_may_label(f)


def _may_feed(f: Facts) -> bool:
    return f.blocked == "none" or (f.actor_kind == "software" and f.blocked == "professional")


def _author_may_label(f: Facts) -> bool:
    masked = "MASQUE_PS" in f.labels
    both_fine = f.masked_and_invisible_allowed
    match f.change:
        case "mask":
            return both_fine or "INVISIBLE_PATIENT" not in f.labels
        case "unmask":
            return not masked or f.masked_by == "author"
        case "hide-from-patient":
            return both_fine or not masked or f.masked_by == "patient"
        case "hide-from-representatives":
            return not f.shown_to_representatives
        case _:
            return f.change in ("show-to-patient", "show-to-representatives")
