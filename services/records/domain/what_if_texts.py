"""What a supposed change would do, in words: French or English."""

from services.records.domain.what_if import Effect
from shared.terminology.professions import profession

_WHO_FR = {
    "professional": "Le professionnel {id} ({profession})",
    "structure": "Un médecin de la structure {id}",
    "care-team": "Un médecin de l’équipe de soins de la structure {id}",
    "attending-doctor": "Le médecin traitant {id}",
    "bris_de_glace": "Un médecin en urgence (bris de glace)",
    "centre_15": "Le médecin régulateur du SAMU (centre 15)",
    "profession": "Un professionnel autorisé de la profession « {profession} »",
}
_ASSUMED_FR = "profession inconnue ici, compté comme médecin"
_WHO_EN = {
    "professional": "The professional {id} ({profession})",
    "structure": "A doctor of the structure {id}",
    "care-team": "A doctor of the care team of the structure {id}",
    "attending-doctor": "The médecin traitant {id}",
    "bris_de_glace": "A doctor in an emergency (break-glass)",
    "centre_15": "The regulating doctor of the SAMU (centre 15)",
    "profession": "An authorised professional of the profession “{profession}”",
}
_ASSUMED_EN = "profession not known here, counted as a doctor"


def sentences(effects: list[Effect], *, french: bool) -> list[str]:
    """One for each that would see less or more; one that says so where nobody would."""
    found = [_sentence(one, french=french) for one in effects if one.lost or one.gained]
    if found:
        return found
    return ["Rien ne change pour personne." if french else "Nothing changes for anybody."]


def _sentence(one: Effect, *, french: bool) -> str:
    who = _who(one, french=french)
    parts = []
    if one.lost:
        parts.append(_lost_fr(one) if french else _lost_en(one))
    if one.gained:
        documents = "document" if one.gained == 1 else "documents"
        more = f"verrait {one.gained} {documents} de plus" if french else f"could see {one.gained} {documents} more"
        parts.append(more)
    return f"{who} {(' et ' if french else ' and ').join(parts)}."


def _lost_fr(one: Effect) -> str:
    if one.after == 0:
        return "ne verrait plus aucun document"
    return f"ne verrait plus {one.lost} des {one.before} documents qu’il voit"


def _lost_en(one: Effect) -> str:
    if one.after == 0:
        return "could no longer see any document"
    return f"could no longer see {one.lost} of the {one.before} documents seen now"


def _who(one: Effect, *, french: bool) -> str:
    key = one.id if one.who == "emergency" else one.who
    named = (_ASSUMED_FR if french else _ASSUMED_EN) if one.assumed else _label(one.profession or "")
    return (_WHO_FR if french else _WHO_EN)[key].format(id=one.id, profession=named)


def _label(code: str) -> str:
    table, _, number = code.partition("_")
    found = profession(number, f"TRE_{table}")
    return found.label if found is not None else code
