"""The common rules of all ways of opening: parameters, message requests, and the médecin traitant."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import orjson

from services.identity.directory.domain.directory import Professional
from services.identity.people.domain.contacts import Contact, MessageContent, message_request
from services.identity.people.domain.insured import ContactDetails
from shared.contracts.base import sealed_place
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.errors import ConflictError, InvalidError, NotFoundError
from shared.terminology.professions import DOCTOR


class InsuredUnknownError(NotFoundError):
    """No insured person has this number and this card, or the register knows no card of this person. Read the card
    again, or ask the person's insurance fund."""

    code = "insured-unknown"
    french = (
        "Aucune personne assurée n’a ce numéro et cette carte, ou le registre ne connaît pas de carte de cette "
        "personne. Relisez la carte, ou adressez-vous à la caisse d’assurance maladie de la personne."
    )


class ConsentNeededError(InvalidError):
    """Opening a record with help requires the person's agreement, and your statement of it: consent_noted is true."""

    code = "consent-needed"
    french = "L’ouverture avec de l’aide demande l’accord de la personne, et que vous le déclariez (consent_noted)."


class RepresentativeNeededError(ConflictError):
    """This person is under eighteen: a legal representative opens the record."""

    code = "representative-needed"
    french = "Cette personne a moins de dix-huit ans : la personne qui la représente légalement ouvre le dossier."


class UnreachableError(ConflictError):
    """Neither a mail address nor a postal address of this person is known: give a mail address."""

    code = "unreachable"
    french = "Aucune adresse mail ni postale de cette personne n’est connue : donnez une adresse mail."


class AttendingDoctorUnknownError(InvalidError):
    """The médecin traitant is a doctor in activity of the directory: give their national id, 8 and the RPPS number."""

    code = "attending-doctor-unknown"
    french = (
        "Le médecin traitant est un médecin en activité de l’annuaire : donnez son identifiant, 8 puis son numéro RPPS."
    )


@dataclass(frozen=True, slots=True)
class OpeningRules:
    """The parameters of the installation.

    `window_days`: the time to object; `rate`: notices per second at most; `page`: rows per transaction;
    `contact_wait_h`: the waiting time of a new contact when another is on file.
    """

    window_days: int
    rate: int
    page: int
    objection_url: str
    terms_version: str
    contact_wait_h: float = 48


def check_attending_doctor(professional: Professional | None) -> str:
    """Returns the id of a doctor who can be named. Raises AttendingDoctorUnknownError."""
    if professional is None or professional.status != "active" or professional.profession != DOCTOR:
        raise AttendingDoctorUnknownError
    return professional.id


def merged_contact_details(stated: Contact, registered: ContactDetails | None) -> ContactDetails:
    """Returns the person's stated details, completed from the register; the postal address is the register's."""
    register = registered or ContactDetails()
    return ContactDetails(
        stated.mail or register.mail, stated.mobile or register.mobile, register.address, stated.language
    )


def contact_from_details(contact_details: ContactDetails) -> Contact:
    """Returns the contact of a person whose record is opened without their participation."""
    return Contact(contact_details.mail, contact_details.language, "holder", contact_details.mobile)


def register_contact_first(stated: Contact, registered: ContactDetails) -> Contact:
    """Returns the contact of a person whose record somebody else opens.

    The register takes precedence over stated values.
    """
    return replace(stated, mail=registered.mail or stated.mail, mobile=registered.mobile or stated.mobile)


def request_by_any_channel(
    keyring: Keyring, request_id: UUID, record_id: UUID | None, contact_details: ContactDetails, content: MessageContent
) -> MessageRequested | None:
    """Returns a message request by mail, else by letter, else by SMS; None without any address."""
    values, expires_at = content.values, content.expires_at
    written = mail_or_letter_request(keyring, request_id, record_id, contact_details, content.kind, values, expires_at)
    if written is not None or contact_details.mobile is None:
        return written
    return message_request(keyring, request_id, record_id, contact_from_details(contact_details), content, "sms")


def mail_or_letter_request(
    keyring: Keyring,
    request_id: UUID,
    record_id: UUID | None,
    contact_details: ContactDetails,
    kind: str,
    values: Mapping[str, str],
    expires_at: datetime | None = None,
) -> MessageRequested | None:
    """Returns a message request for notify with encrypted content, or None without mail and postal address.

    `keyring`: the ring of contacts.
    """
    if contact_details.mail is None and not contact_details.address:
        return None
    to: dict[str, object] = (
        {"address": list(contact_details.address)} if contact_details.mail is None else {"mail": contact_details.mail}
    )
    plain = orjson.dumps({"to": to, "language": contact_details.language, "values": dict(values)})
    return MessageRequested(
        request_id=request_id,
        record_id=record_id,
        channel="letter" if contact_details.mail is None else "mail",
        kind=kind,
        sealed=keyring.encrypt_jwe(plain, sealed_place("request", request_id)),
        expires_at=expires_at,
    )
