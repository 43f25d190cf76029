"""The texts of alerts by mail and SMS. They are generic on purpose: no type, author, hospital or name, no link."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from services.notify.alerts.domain.alerts import Alert
from services.notify.contacts.domain import Contact, Relation
from services.notify.delivery.domain import OutgoingMessage, e164_number, normalised_mailbox
from services.notify.delivery.mails import AUTOMATIC_NOTICES, GREETINGS, mail_headers, mime_content
from services.notify.kit.kinds import EMERGENCY_KINDS, AlertKind, Language


@dataclass(frozen=True, slots=True)
class _AlertText:
    subject: str
    lines: tuple[str, ...]


_SAFETY_NOTICES: dict[Language, str] = {
    "fr": "Pour votre sécurité, ce message ne donne aucun détail et ne contient aucun lien. "
    "Connectez-vous comme vous en avez l'habitude pour en savoir plus.",
    "en": "For your safety this message gives no details and contains no link. "
    "Sign in as you usually do to learn more.",
}
_OPT_OUT_NOTICES: dict[tuple[bool, Language], str] = {
    (False, "fr"): "Vous pouvez désactiver ces messages dans vos préférences.",
    (False, "en"): "You can switch these messages off in your preferences.",
    (True, "fr"): "Ces messages sont envoyés à chaque accès en urgence et ne peuvent pas être désactivés.",
    (True, "en"): "These messages are sent at each emergency access and cannot be switched off.",
}
_TEXTS: dict[tuple[AlertKind, Language, Relation], _AlertText] = {
    ("document", "fr", "holder"): _AlertText(
        "Nouveau document dans votre dossier médical partagé",
        ("Un nouveau document a été ajouté à votre dossier médical partagé.",),
    ),
    ("document", "en", "holder"): _AlertText(
        "New document in your shared medical record",
        ("A new document has been added to your shared medical record.",),
    ),
    ("document", "fr", "representative"): _AlertText(
        "Nouveau document dans un dossier médical partagé",
        ("Un nouveau document a été ajouté au dossier médical partagé d'une personne que vous représentez.",),
    ),
    ("document", "en", "representative"): _AlertText(
        "New document in a shared medical record",
        ("A new document has been added to the shared medical record of a person whom you represent.",),
    ),
    ("consultation", "fr", "holder"): _AlertText(
        "Votre dossier médical partagé a été consulté",
        (
            "Un professionnel de santé a consulté votre dossier médical partagé.",
            "La liste des accès à votre dossier vous dit qui, et quand.",
        ),
    ),
    ("consultation", "en", "holder"): _AlertText(
        "Your shared medical record was consulted",
        (
            "A health professional has consulted your shared medical record.",
            "The list of accesses to your record tells you who, and when.",
        ),
    ),
    ("consultation", "fr", "representative"): _AlertText(
        "Un dossier médical partagé a été consulté",
        (
            "Un professionnel de santé a consulté le dossier médical partagé d'une personne que vous représentez.",
            "La liste des accès à ce dossier vous dit qui, et quand.",
        ),
    ),
    ("consultation", "en", "representative"): _AlertText(
        "A shared medical record was consulted",
        (
            "A health professional has consulted the shared medical record of a person whom you represent.",
            "The list of accesses to that record tells you who, and when.",
        ),
    ),
    ("emergency", "fr", "holder"): _AlertText(
        "Votre dossier médical partagé a été ouvert en urgence",
        (
            "Un professionnel de santé vient d'ouvrir votre dossier médical partagé en urgence.",
            "La liste des accès à votre dossier vous dit qui, quand, et pour quel motif.",
            "Si vous ne voulez plus de tels accès, vous pouvez vous y opposer dans vos réglages.",
        ),
    ),
    ("emergency", "en", "holder"): _AlertText(
        "Your shared medical record was opened in an emergency",
        (
            "A health professional has just opened your shared medical record in an emergency.",
            "The list of accesses to your record tells you who, when, and for which reason.",
            "If you do not want such accesses any more, you can object to them in your settings.",
        ),
    ),
    ("emergency", "fr", "representative"): _AlertText(
        "Un dossier médical partagé a été ouvert en urgence",
        (
            "Un professionnel de santé vient d'ouvrir en urgence le dossier médical partagé d'une personne que vous "
            "représentez.",
            "La liste des accès à ce dossier vous dit qui, quand, et pour quel motif.",
        ),
    ),
    ("emergency", "en", "representative"): _AlertText(
        "A shared medical record was opened in an emergency",
        (
            "A health professional has just opened, in an emergency, the shared medical record of a person whom you "
            "represent.",
            "The list of accesses to that record tells you who, when, and for which reason.",
        ),
    ),
    ("emergency-follow-up", "fr", "holder"): _AlertText(
        "Accès en urgence à votre dossier médical partagé : ce qui a été consulté",
        (
            "L'accès en urgence à votre dossier médical partagé, dont nous vous avons informé, est terminé.",
            "La liste des accès à votre dossier vous dit le motif donné et ce qui a été consulté.",
        ),
    ),
    ("emergency-follow-up", "en", "holder"): _AlertText(
        "Emergency access to your shared medical record: what was read",
        (
            "The emergency access to your shared medical record, of which we told you, has ended.",
            "The list of accesses to your record tells you the reason that was given and what was read.",
        ),
    ),
    ("emergency-follow-up", "fr", "representative"): _AlertText(
        "Accès en urgence à un dossier médical partagé : ce qui a été consulté",
        (
            "L'accès en urgence au dossier médical partagé d'une personne que vous représentez, dont nous vous avons "
            "informé, est terminé.",
            "La liste des accès à ce dossier vous dit le motif donné et ce qui a été consulté.",
        ),
    ),
    ("emergency-follow-up", "en", "representative"): _AlertText(
        "Emergency access to a shared medical record: what was read",
        (
            "The emergency access to the shared medical record of a person whom you represent, of which we told you, "
            "has ended.",
            "The list of accesses to that record tells you the reason that was given and what was read.",
        ),
    ),
}
# Several alerts in one mail; `{count}` is two or more.
_COUNTED_TEXTS: dict[tuple[AlertKind, Language, Relation], _AlertText] = {
    ("document", "fr", "holder"): _AlertText(
        "Nouveaux documents dans votre dossier médical partagé",
        ("{count} nouveaux documents ont été ajoutés à votre dossier médical partagé.",),
    ),
    ("document", "en", "holder"): _AlertText(
        "New documents in your shared medical record",
        ("{count} new documents have been added to your shared medical record.",),
    ),
    ("document", "fr", "representative"): _AlertText(
        "Nouveaux documents dans un dossier médical partagé",
        ("{count} nouveaux documents ont été ajoutés au dossier médical partagé d'une personne que vous représentez.",),
    ),
    ("document", "en", "representative"): _AlertText(
        "New documents in a shared medical record",
        ("{count} new documents have been added to the shared medical record of a person whom you represent.",),
    ),
    ("consultation", "fr", "holder"): _AlertText(
        "Votre dossier médical partagé a été consulté",
        (
            "Votre dossier médical partagé a été consulté par des professionnels de santé : "
            "{count} nouvelles consultations.",
            "La liste des accès à votre dossier vous dit qui, et quand.",
        ),
    ),
    ("consultation", "en", "holder"): _AlertText(
        "Your shared medical record was consulted",
        (
            "Health professionals have consulted your shared medical record: {count} new consultations.",
            "The list of accesses to your record tells you who, and when.",
        ),
    ),
    ("consultation", "fr", "representative"): _AlertText(
        "Un dossier médical partagé a été consulté",
        (
            "Le dossier médical partagé d'une personne que vous représentez a été consulté par des professionnels de "
            "santé : {count} nouvelles consultations.",
            "La liste des accès à ce dossier vous dit qui, et quand.",
        ),
    ),
    ("consultation", "en", "representative"): _AlertText(
        "A shared medical record was consulted",
        (
            "Health professionals have consulted the shared medical record of a person whom you represent: "
            "{count} new consultations.",
            "The list of accesses to that record tells you who, and when.",
        ),
    ),
}
# At most 160 characters of the GSM 7-bit default alphabet (3GPP TS 23.038, section 6.2.1); only for emergencies.
_SMS_TEXTS: dict[tuple[AlertKind, Language, Relation], str] = {
    ("emergency", "fr", "holder"): "DMP : un professionnel de santé vient d'ouvrir votre dossier en urgence. "
    "Qui, et pour quel motif : connectez-vous et voyez la liste des accès.",
    ("emergency", "en", "holder"): "DMP: a health professional has just opened your record in an emergency. "
    "Sign in and see the list of accesses for who, and why.",
    ("emergency", "fr", "representative"): "DMP : accès en urgence au dossier d'une personne que vous représentez. "
    "Qui, et pour quel motif : connectez-vous et voyez la liste des accès.",
    ("emergency", "en", "representative"): "DMP: emergency access to the record of a person whom you represent. "
    "Sign in and see the list of accesses for who, and why.",
    ("emergency-follow-up", "fr", "holder"): "DMP : l'accès en urgence à votre dossier est terminé. "
    "Motif, et ce qui a été consulté : connectez-vous et voyez la liste des accès.",
    ("emergency-follow-up", "en", "holder"): "DMP: the emergency access to your record has ended. "
    "Sign in and see the list of accesses for the reason and what was read.",
    ("emergency-follow-up", "fr", "representative"): "DMP : l'accès en urgence au dossier d'une personne que vous "
    "représentez est terminé. Motif, et ce qui a été consulté : voyez la liste des accès.",
    ("emergency-follow-up", "en", "representative"): "DMP: the emergency access to the record of a person whom you "
    "represent has ended. See the list of accesses for why, and what was read.",
}


def sms_text(kind: AlertKind, contact: Contact) -> str:
    """Returns the SMS about an emergency, or about its end."""
    return _SMS_TEXTS[kind, contact.language, contact.relation]


def alert_mail(
    kind: AlertKind, contact: Contact, sender: str, alert: UUID, trace: str, now: datetime, count: int = 1
) -> bytes:
    """Returns the complete mail of an alert. `count`: how many documents or consultations it reports.

    Raises AddressUnusableError.
    """
    headers = mail_headers(sender, mailbox_of_contact(contact), alert, trace, now)
    return headers + _cached_content(kind, contact.language, contact.relation, count)


def mailbox_of_contact(contact: Contact) -> str:
    """Returns the mail address of a contact in the form of RFC 5321. Raises AddressUnusableError."""
    return normalised_mailbox(contact.mail or "")


@lru_cache(maxsize=256)
def _cached_content(kind: AlertKind, language: Language, relation: Relation, count: int) -> bytes:
    text = (_TEXTS if count == 1 else _COUNTED_TEXTS)[kind, language, relation]
    lines = (line.format(count=count) for line in text.lines)
    signature = (
        _SAFETY_NOTICES[language],
        _OPT_OUT_NOTICES[kind in EMERGENCY_KINDS, language],
        AUTOMATIC_NOTICES[language],
    )
    return mime_content(language, text.subject, (GREETINGS[language], *lines, *signature))


def outgoing_alert(
    alert: Alert, contact: Contact, sender: str, trace: str, now: datetime, count: int = 1
) -> OutgoingMessage:
    """Builds the message of an alert; all attempts build an equal message but for its date.

    `count`: how many documents or consultations the message reports. Raises AddressUnusableError.
    """
    if alert.channel == "mail":
        body = alert_mail(alert.kind, contact, sender, alert.id, trace, now, count)
        return OutgoingMessage(alert.id, mailbox_of_contact(contact), body)
    to = e164_number(contact.mobile or "")
    return OutgoingMessage(alert.id, to, f"To: {to}\n\n{sms_text(alert.kind, contact)}\n".encode())
