"""Words what became of reading the facts of a document, for its depositor and its patient."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.records.facts.domain.documents import FactsState


class _Text(NamedTuple):
    english: str
    french: str


_STATES: Final[Mapping[FactsState, _Text]] = {
    "pending": _Text(
        "The facts in this document are not read yet.", "Les informations de ce document ne sont pas encore lues."
    ),
    "none": _Text(
        "This document holds no coded fact; read its text.",
        "Ce document ne contient aucune information codée ; lisez son texte.",
    ),
    "read": _Text(
        "The coded facts in this document were read.", "Les informations codées de ce document ont été lues."
    ),
    "in-part": _Text(
        "The coded facts in this document were read in part; read its text.",
        "Les informations codées de ce document ont été lues en partie ; lisez son texte.",
    ),
    "unreadable": _Text(
        "The coded facts in this document cannot be read; read its text.",
        "Les informations codées de ce document ne peuvent pas être lues ; lisez son texte.",
    ),
}
_REASONS: Final[Mapping[str, _Text]] = {
    "not-structured": _Text("It is not a structured document.", "Ce n’est pas un document structuré."),
    "xml-invalid": _Text("It is not well-formed.", "Il est mal formé."),
    "too-large": _Text("It is too large.", "Il est trop grand."),
    "too-deep": _Text("Its parts are nested too deeply.", "Ses parties sont imbriquées trop profondément."),
    "too-many-elements": _Text("It has too many parts.", "Il a trop de parties."),
    "time-limit": _Text("Reading it takes too long.", "Sa lecture prend trop de temps."),
    "other-patient": _Text(
        "Its header names another person than this record.", "Son en-tête désigne une autre personne que ce dossier."
    ),
    "identity-unchecked": _Text(
        "Its header does not say whom it is about.", "Son en-tête ne dit pas de quelle personne il s’agit."
    ),
    "too-many-facts": _Text("It has too many coded facts.", "Il a trop d’informations codées."),
    "reimbursements": _Text("It is about reimbursements.", "Il s’agit de remboursements."),
    "extractor-failed": _Text("An error occurred while it was read.", "Une erreur est survenue pendant sa lecture."),
    "content-damaged": _Text("Its stored content is damaged.", "Son contenu conservé est endommagé."),
}


def facts_text(state: FactsState, reason: str | None, *, french: bool) -> str:
    """Returns a sentence that says what became of reading the facts, and one that says why, where there is a reason."""
    texts = [_STATES[state]]
    if reason is not None and reason in _REASONS:
        texts.append(_REASONS[reason])
    return " ".join(text.french if french else text.english for text in texts)
