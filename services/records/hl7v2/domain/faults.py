"""The faults of messages: which acknowledgement each error of the pipeline becomes.

Sources: HL7 v2.5.1 tables 0357 and 0533 as the CI-SIS uses them (volet "Transmission d'un document CDA-R2 en HL7v2").
"""

from typing import Final

from services.records.deposits.domain.submissions import NotOwnDocumentError
from services.records.quarantine.domain.causes import cause_of
from shared.cda.errors import IncompleteHeaderError, InvalidCdaError
from shared.errors import (
    TRY_LATER,
    ClientError,
    InvalidError,
    TransientError,
)
from shared.hl7v2.acknowledgement import ApplicationCode, ErrorCode, MessageFault, Outcome

_DOCUMENT: Final = "OBX^1^5"
_PATIENT: Final = "PID^1^3"
_APPLICATION_CODES: Final = {
    "record-unknown": ApplicationCode.PATIENT_UNKNOWN,
    "record-closed": ApplicationCode.PATIENT_UNKNOWN,
    "ins-missing": ApplicationCode.INS_ABSENT,
    "patient-inconsistent": ApplicationCode.INS_DIFFERS,
    "traits-mismatch": ApplicationCode.INS_DIFFERS,
    "replaced-document-unknown": ApplicationCode.TARGET,
    "replacement-mismatch": ApplicationCode.TARGET,
}


class MessageRefusedError(InvalidError):
    """The message is refused; its fault says why."""

    code = "message-refused"
    french = "Le message est refusé ; l’accusé dit pourquoi."

    def __init__(self, fault: MessageFault, cause: str | None = None) -> None:
        """Keeps the fault. `cause`: that of quarantine, where the sender can mend it."""
        super().__init__(fault.diagnostic or None)
        self.fault = fault
        self.cause = cause


def rejected(code: ErrorCode, diagnostic: str, location: str = "") -> MessageRefusedError:
    """Returns the refusal of a message for its form (AR)."""
    return MessageRefusedError(MessageFault(Outcome.REJECTED, code, None, location, diagnostic))


def wrong(code: ErrorCode, location: str, diagnostic: str, cause: str | None = None) -> MessageRefusedError:
    """Returns the refusal of a message for a segment or field (AE)."""
    return MessageRefusedError(MessageFault(Outcome.ERROR, code, None, location, diagnostic), cause)


def refused(
    application: ApplicationCode, diagnostic: str, location: str = "", cause: str | None = None
) -> MessageRefusedError:
    """Returns the refusal of a message by a rule of the application (AE with code 207)."""
    fault = MessageFault(Outcome.ERROR, ErrorCode.APPLICATION, application, location, diagnostic)
    return MessageRefusedError(fault, cause)


def try_later() -> MessageRefusedError:
    """Returns the refusal of a message that may be sent again, unchanged, after a moment (AR with code 207)."""
    return rejected(ErrorCode.APPLICATION, "This cannot be done now. Send the message again in a few seconds.")


def unknown_sender(diagnostic: str) -> MessageRefusedError:
    """Returns the refusal of a message whose sender is not registered (AR with 207 and 901)."""
    return MessageRefusedError(
        MessageFault(Outcome.REJECTED, ErrorCode.APPLICATION, ApplicationCode.AUTHOR, "MSH^1^3", diagnostic)
    )


def refusal_of(error: ClientError | TransientError) -> MessageRefusedError:
    """Returns the refusal for an error of the pipeline that all doors share."""
    text = str(error)
    match error:
        case MessageRefusedError():
            return error
        case _ if isinstance(error, TRY_LATER):
            return try_later()
        case NotOwnDocumentError():
            return refused(ApplicationCode.AUTHOR, text, _DOCUMENT)
        case IncompleteHeaderError():
            return refused(ApplicationCode.OTHER, text, _DOCUMENT)
        case InvalidCdaError():
            return wrong(ErrorCode.DATA_TYPE, _DOCUMENT, text)
        case _ if error.code == "type-unknown":
            return wrong(ErrorCode.TABLE_VALUE, "OBX^1^3", text)
        case _:
            application = _APPLICATION_CODES.get(error.code, ApplicationCode.OTHER)
            is_of_patient = application in (ApplicationCode.PATIENT_UNKNOWN, ApplicationCode.INS_DIFFERS)
            return refused(application, text, _PATIENT if is_of_patient else _DOCUMENT)


def cause_of_refusal(error: ClientError) -> str | None:
    """Returns the cause of a refused message if its sender can mend it, else None."""
    return error.cause if isinstance(error, MessageRefusedError) else cause_of(error)
