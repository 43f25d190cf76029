"""The causes of refusals that a depositor can mend, each with the sentence what to do."""

from dataclasses import dataclass
from typing import Final

from shared.errors import ClientError
from shared.fhir.submission import InvalidSubmissionError

PATIENT_MISMATCH: Final = "patient-mismatch"
INS_MISSING: Final = "ins-missing"
TYPE_UNKNOWN: Final = "type-unknown"
TYPE_MISMATCH: Final = "type-mismatch"
VERB_MISMATCH: Final = "verb-mismatch"
TARGET_UNKNOWN: Final = "replaced-document-unknown"
WITHOUT_RECORD: Final = ("record-unknown", "record-closed")
"""The causes that end when the person's record is opened."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a cause, in two languages."""

    english: str
    french: str


_IDENTITY: Final = Advice(
    "Check the identity with the teleservice INSi and correct INS and traits here, then resend. Where the document "
    "itself is wrong, drop it and send a new version.",
    "Vérifiez l’identité avec le téléservice INSi et corrigez ici l’INS et les traits, puis renvoyez. Si le document "
    "lui-même est faux, supprimez-le d’ici et envoyez une nouvelle version.",
)
_INS: Final = Advice(
    "Get the INS from the teleservice INSi and set it here, then resend. Where the document itself lacks it, drop it "
    "and send a new version.",
    "Demandez l’INS au téléservice INSi et indiquez-le ici, puis renvoyez. S’il manque dans le document lui-même, "
    "supprimez-le d’ici et envoyez une nouvelle version.",
)
_NO_RECORD: Final = Advice(
    "Check the INS. If it is right, the person has no open record: drop this, or send the document again once they do.",
    "Vérifiez l’INS. S’il est juste, la personne n’a pas de dossier ouvert : supprimez l’envoi, ou renvoyez le "
    "document quand elle en aura un.",
)
_TYPE: Final = Advice(
    "Set a type of the value set JDV_J66 here, that of the document, then resend. A CDA with a wrong type needs a new "
    "version: drop this and send it.",
    "Indiquez ici un type du jeu de valeurs JDV_J66, celui du document, puis renvoyez. Un CDA dont le type est faux "
    "demande une nouvelle version : supprimez l’envoi d’ici et envoyez-la.",
)
_BYTES: Final = Advice(
    "Compare the document with its source. If it is whole, correct hash and size here and resend; else drop it and "
    "send it anew.",
    "Comparez le document avec sa source. S’il est intact, corrigez ici l’empreinte et la taille, puis renvoyez ; "
    "sinon supprimez-le d’ici et envoyez-le à nouveau.",
)
_VERB: Final = Advice(
    "MSH-9.2, OBX-11 and ORC-1 contradict one another: drop this, and send a message in which they agree.",
    "MSH-9.2, OBX-11 et ORC-1 se contredisent : supprimez l’envoi d’ici, et envoyez un message où ils concordent.",
)
_TARGET: Final = Advice(
    "Send first the document that this one replaces, then resend. If it was replaced already, drop this and send a "
    "version that replaces the last one.",
    "Envoyez d’abord le document que celui-ci remplace, puis renvoyez. S’il a déjà été remplacé, supprimez l’envoi "
    "d’ici et envoyez une version qui remplace la dernière.",
)
_OTHER: Final = Advice(
    "This cannot be mended here: drop it and send a new version.",
    "Cela ne peut pas être corrigé ici : supprimez l’envoi et envoyez une nouvelle version.",
)
MENDABLE: Final[dict[str, Advice]] = {
    "traits-mismatch": _IDENTITY,
    PATIENT_MISMATCH: _IDENTITY,
    "patient-inconsistent": _IDENTITY,
    INS_MISSING: _INS,
    "ins-malformed": _INS,
    "ins-system-unknown": _INS,
    **dict.fromkeys(WITHOUT_RECORD, _NO_RECORD),
    TYPE_UNKNOWN: _TYPE,
    TYPE_MISMATCH: _TYPE,
    "hash-mismatch": _BYTES,
    "hash-not-base64": _BYTES,
    "size-mismatch": _BYTES,
    VERB_MISMATCH: _VERB,
    TARGET_UNKNOWN: _TARGET,
}
"""The causes for which a refused submission is kept."""


def advice_of(cause: str) -> Advice:
    """Returns what to do about a cause, also about one for which a kept submission is refused when it is sent again."""
    return MENDABLE.get(cause, _OTHER)


def cause_of(error: ClientError) -> str | None:
    """Returns the cause of a refusal if the depositor can mend all of it, else None."""
    codes = [issue.code for issue in error.issues] if isinstance(error, InvalidSubmissionError) else [error.code]
    return codes[0] if codes and all(code in MENDABLE for code in codes) else None
