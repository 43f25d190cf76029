"""The effects of a supposed change in sentences, in French or English."""

from collections.abc import Sequence

from services.records.what_if.domain.what_if import VisibilityEffect
from shared.terminology.professions import profession

_READERS_FR = {
    "professional": "Le professionnel {id} ({profession})",
    "structure": "Un médecin de la structure {id}",
    "care-team": "Un médecin de l’équipe de soins de la structure {id}",
    "attending-doctor": "Le médecin traitant {id}",
    "bris_de_glace": "Un médecin en urgence (bris de glace)",
    "centre_15": "Le médecin régulateur du SAMU (centre 15)",
    "profession": "Un professionnel autorisé de la profession « {profession} »",
}
_ASSUMED_FR = "profession inconnue ici, compté comme médecin"
_READERS_EN = {
    "professional": "The professional {id} ({profession})",
    "structure": "A doctor of the structure {id}",
    "care-team": "A doctor of the care team of the structure {id}",
    "attending-doctor": "The médecin traitant {id}",
    "bris_de_glace": "A doctor in an emergency (break-glass)",
    "centre_15": "The regulating doctor of the SAMU (centre 15)",
    "profession": "An authorised professional of the profession “{profession}”",
}
_ASSUMED_EN = "profession not known here, counted as a doctor"


def sentences(effects: Sequence[VisibilityEffect], *, french: bool) -> list[str]:
    """Returns one sentence for each reader who would see fewer or more documents; if none would, one that says so."""
    texts = [_sentence(effect, french=french) for effect in effects if effect.lost or effect.gained]
    if texts:
        return texts
    return ["Rien ne change pour personne." if french else "Nothing changes for anybody."]


def _sentence(effect: VisibilityEffect, *, french: bool) -> str:
    parts = []
    if effect.lost:
        parts.append(_lost_fr(effect) if french else _lost_en(effect))
    if effect.gained:
        parts.append(_gained_fr(effect) if french else _gained_en(effect))
    return f"{_reader(effect, french=french)} {(' et ' if french else ' and ').join(parts)}."


def _lost_fr(effect: VisibilityEffect) -> str:
    if effect.after == 0:
        return "ne verrait plus aucun document"
    return f"ne verrait plus {effect.lost} des {effect.before} documents qu’il voit"


def _lost_en(effect: VisibilityEffect) -> str:
    if effect.after == 0:
        return "could no longer see any document"
    return f"could no longer see {effect.lost} of the {effect.before} documents seen now"


def _gained_fr(effect: VisibilityEffect) -> str:
    return f"verrait {effect.gained} {_documents(effect.gained)} de plus"


def _gained_en(effect: VisibilityEffect) -> str:
    return f"could see {effect.gained} {_documents(effect.gained)} more"


def _documents(number: int) -> str:
    return "document" if number == 1 else "documents"


def _reader(effect: VisibilityEffect, *, french: bool) -> str:
    template = (_READERS_FR if french else _READERS_EN)[effect.id if effect.role == "emergency" else effect.role]
    assumed = _ASSUMED_FR if french else _ASSUMED_EN
    return template.format(id=effect.id, profession=assumed if effect.assumed else _label(effect.profession or ""))


def _label(code: str) -> str:
    """Returns the label of a profession (`G15_10`), or the code itself where it has none."""
    table, _, number = code.partition("_")
    known_profession = profession(number, f"TRE_{table}")
    return known_profession.label if known_profession is not None else code
