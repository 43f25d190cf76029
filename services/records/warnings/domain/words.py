"""Warnings in French and English words: for the professional who prescribes, and for the patient once acknowledged."""

from typing import Final, Literal

from services.records.medicines.domain.interactions import Interaction, InteractionLevel
from services.records.warnings.domain.tables import allergy_classes
from services.records.warnings.domain.warnings import PrescriptionWarning, RuleCode, WarningKind

Language = Literal["fr", "en"]

LEVELS: Final[dict[Language, dict[InteractionLevel, str]]] = {
    "fr": {
        InteractionLevel.CONTRAINDICATED: "Contre-indication",
        InteractionLevel.DISCOURAGED: "Association déconseillée",
        InteractionLevel.PRECAUTION: "Précaution d’emploi",
        InteractionLevel.CONSIDER: "À prendre en compte",
    },
    "en": {
        InteractionLevel.CONTRAINDICATED: "Contraindication",
        InteractionLevel.DISCOURAGED: "Combination advised against",
        InteractionLevel.PRECAUTION: "Precaution for use",
        InteractionLevel.CONSIDER: "To be taken into account",
    },
}
_SENTENCES: Final[dict[Language, dict[RuleCode, str]]] = {
    "fr": {
        "allergy-substance": "Allergie ou effet indésirable noté : {fact}. {item} contient cette substance.",
        "allergy-class": "Allergie ou effet indésirable noté : {fact}. {item} est du même groupe de médicaments.",
        "allergy-declared-class": "Allergie ou effet indésirable noté : {fact}. {item} est de la classe : {group}.",
        "interaction": "{level} : {item} avec {other} ({first}, {second}). Risque : {risk}.",
        "same-substance": "{item} et {other} contiennent la même substance.",
        "same-order": "{item} : le même examen a un résultat ou une demande d’il y a {days} jour(s).",
    },
    "en": {
        "allergy-substance": "Allergy or adverse effect on record: {fact}. {item} contains this substance.",
        "allergy-class": "Allergy or adverse effect on record: {fact}. {item} is of the same group of medicines.",
        "allergy-declared-class": "Allergy or adverse effect on record: {fact}. {item} is of the class: {group}.",
        "interaction": "{level}: {item} with {other} ({first}, {second}). Risk: {risk}.",
        "same-substance": "{item} and {other} contain the same substance.",
        "same-order": "{item}: the same exam has a result or an order of {days} day(s) ago.",
    },
}
_NAMELESS: Final[dict[Language, str]] = {"fr": "ce produit", "en": "this product"}
_DECLARED: Final[dict[Language, dict[str, str]]] = {
    "fr": {
        "patient": " Déclaré par le patient.",
        "representative": " Déclaré par un représentant.",
        "carer": " Déclaré par un aidant.",
    },
    "en": {
        "patient": " Declared by the patient.",
        "representative": " Declared by a representative.",
        "carer": " Declared by a carer.",
    },
}
_ACKNOWLEDGED: Final[dict[Language, dict[WarningKind, str]]] = {
    "fr": {
        "allergy": "{item} vous a été prescrit en connaissance de l’allergie ou de l’effet indésirable noté dans votre "
        "dossier ({other}).",
        "interaction": "{item} vous a été prescrit en sachant que ce médicament et {other} agissent l’un sur l’autre.",
        "duplicate": "{item} vous a été prescrit en sachant que {other} contient la même substance.",
        "repeated-order": "{item} vous a été prescrit bien que le même examen soit récent.",
    },
    "en": {
        "allergy": "{item} was prescribed to you with the knowledge of the allergy or adverse effect in your record "
        "({other}).",
        "interaction": "{item} was prescribed to you with the knowledge that it and {other} act on each other.",
        "duplicate": "{item} was prescribed to you with the knowledge that {other} contains the same substance.",
        "repeated-order": "{item} was prescribed to you although the same exam is recent.",
    },
}
ADVICE: Final[dict[Language, str]] = {
    "fr": "N’arrêtez pas et ne changez pas votre traitement sans l’avis de votre médecin ou de votre pharmacien.",
    "en": "Do not stop or change your treatment without the advice of your doctor or your pharmacist.",
}
NOTICE: Final[dict[Language, str]] = {
    "fr": "Cette aide n’est pas un dispositif médical certifié. Elle ne voit que ce que vous pouvez lire : la personne "
    "a pu masquer des informations. L’absence d’alerte ne veut pas dire l’absence de risque.",
    "en": "This help is no certified medical device. It sees only what you may read: the person may have masked "
    "information. No warning does not mean no risk.",
}


def sentence(warning: PrescriptionWarning, language: Language) -> str:
    """Returns the warning for the professional, in a sentence or two."""
    item, other = item_and_other(warning, language)
    interaction = warning.interaction
    text = _SENTENCES[language][warning.rule.code].format(
        item=item,
        other=other,
        fact=other,
        group=_class_label(warning.allergy_class, language),
        level=LEVELS[language][interaction.level] if interaction is not None else "",
        first=interaction.first if interaction is not None else "",
        second=interaction.second if interaction is not None else "",
        risk=_risk(interaction, language),
        days=warning.days,
    )
    declared_by = next((fact.declared_by for fact in warning.facts), "organisation")
    return text + _DECLARED[language].get(declared_by, "")


def acknowledged_sentence(kind: WarningKind, item: str, other: str, language: Language) -> str:
    """Returns what the patient reads of an acknowledged warning, with the advice that always stands there."""
    return f"{_ACKNOWLEDGED[language][kind].format(item=item, other=other)} {ADVICE[language]}"


def item_and_other(warning: PrescriptionWarning, language: Language) -> tuple[str, str]:
    """Returns the names of the prescribed item, and of the other item or of the fact of the record."""
    nameless = _NAMELESS[language]
    labels = [label or nameless for label in warning.labels]
    other = labels[1] if len(labels) > 1 else next((fact.label for fact in warning.facts if fact.label), nameless)
    return labels[0], other


def _class_label(code: str | None, language: Language) -> str:
    for each in allergy_classes():
        if each.code == code:
            return each.label_fr if language == "fr" else each.label_en
    return ""


def _risk(interaction: Interaction | None, language: Language) -> str:
    if interaction is None:
        return ""
    return interaction.risk if language == "fr" else interaction.risk_en or interaction.risk
