"""The French and English words of the pages that open a copy."""

from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["fr", "en"]


@dataclass(frozen=True, slots=True)
class IndexTexts:
    """The words of one page. `other_language`, `other_page`: the link to the page in the other language."""

    language: Language
    title: str
    skip: str
    other_language: str
    other_page: str
    made: str
    counted: str
    counted_one: str
    nothing: str
    about: tuple[str, ...]
    rubrics: str
    headings: tuple[str, str, str, str, str]
    superseded: str
    archived: str
    kilobytes: str


FRENCH: Final = IndexTexts(
    language="fr",
    title="Copie de mon dossier médical partagé",
    skip="Aller aux documents",
    other_language="English",
    other_page="index.en.html",
    made="Copie faite le {day}.",
    counted="{count} documents.",
    counted_one="1 document.",
    nothing="Cette copie ne contient aucun document.",
    about=(
        "Chaque document est ici tel qu’il a été déposé. Seuls y figurent ceux que la personne qui a demandé la copie "
        "pouvait lire ce jour-là.",
        "Cette copie contient des données de santé : gardez-la en lieu sûr. Le fichier manifest.json nomme tous les "
        "autres, et sa signature permet de vérifier que rien n’a changé.",
    ),
    rubrics="Rubriques",
    headings=("Date des soins", "Titre", "Type", "Auteur", "Fichier"),
    superseded="ancienne version",
    archived="archivé",
    kilobytes="Ko",
)
ENGLISH: Final = IndexTexts(
    language="en",
    title="Copy of my shared medical record",
    skip="Go to the documents",
    other_language="Français",
    other_page="index.html",
    made="Copy made on {day}.",
    counted="{count} documents.",
    counted_one="1 document.",
    nothing="This copy has no document.",
    about=(
        "Each document is here as it was deposited. Only those are here that the person who asked for the copy was "
        "able to read on that day.",
        "This copy contains health data: keep it in a safe place. The file manifest.json names all others, and its "
        "signature makes it possible to check that nothing has changed.",
    ),
    rubrics="Sections",
    headings=("Date of care", "Title", "Type", "Author", "File"),
    superseded="earlier version",
    archived="archived",
    kilobytes="KB",
)
PAGES: Final = {"index.html": FRENCH, "index.en.html": ENGLISH}
"""The pages by their path in the archive."""
