"""Why a document of the patient side is not taken although it has the format that it states."""

from dataclasses import dataclass
from typing import Final

from shared.errors import InvalidError

_ADVICE: Final = "Save it without that; printing it to a PDF file does so."
_ADVICE_FR: Final = "Enregistrez-le sans cela ; l’imprimer dans un fichier PDF suffit."


@dataclass(frozen=True, slots=True)
class Finding:
    """Something active, in the words of both languages."""

    english: str
    french: str


SCRIPT: Final = Finding("a script (JavaScript)", "un script (JavaScript)")
PROGRAM_START: Final = Finding("an action that starts a program", "une action qui lance un programme")
ATTACHED_FILE: Final = Finding("another file inside", "un autre fichier à l’intérieur")
FORM: Final = Finding("a form that sends what is typed, or that is programmed", "un formulaire qui envoie ou programme")
MULTIMEDIA: Final = Finding("sound, video or three-dimensional content", "du son, de la vidéo ou de la 3D")
MACRO: Final = Finding("macros", "des macros")
LINKED_CONTENT: Final = Finding("content fetched from elsewhere", "un contenu qui vient d’ailleurs")
PROTECTION: Final = Finding(
    "protection by a password or by encryption", "une protection par mot de passe ou chiffrement"
)
STRANGE_PART: Final = Finding("a part that cannot be looked into", "une partie qui ne peut pas être examinée")


class ActiveContentError(InvalidError):
    """The document holds something that would act when it is opened. Save it without that."""

    code = "active-content"
    french = "Le document contient quelque chose qui agirait à l’ouverture. Enregistrez-le sans cela."

    @classmethod
    def of(cls, finding: Finding) -> "ActiveContentError":
        """Returns the error that names what was found."""
        error = cls(f"The document holds {finding.english}. {_ADVICE}")
        error.french = f"Le document contient {finding.french}. {_ADVICE_FR}"
        return error


class UnreadableContentError(ActiveContentError):
    """The document cannot be looked into: it is protected, damaged or of an unusual make. Save it anew."""

    code = "content-unreadable"
    french = "Le document ne peut pas être examiné : protégé, endommagé ou inhabituel. Enregistrez-le à nouveau."
