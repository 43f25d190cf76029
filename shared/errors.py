"""Errors that carry a stable code. The docstring of an error class is the message that its callers receive."""

from typing import ClassVar, Final


def sentence_of(error: "type[CodedError]") -> str:
    """Returns the message of a class of errors: its docstring on one line."""
    return " ".join((error.__doc__ or "").split())


class CodedError(Exception):
    """Something could not be done."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or sentence_of(self.__class__))


class PermanentError(CodedError):
    """This message can never be used, however often it comes."""

    code = "unusable-message"


class TransientError(CodedError):
    """This cannot be done now; the same attempt may succeed later."""

    code = "unavailable"


class ClientError(CodedError):
    """The request cannot be done as asked."""

    code = "bad-request"
    status: ClassVar[int] = 400
    french: str | None = None
    """The message in French, for the patient side. An instance with its own message sets its own French text."""
    retry_after: int | None = None
    """Seconds after which another attempt makes sense (`Retry-After`)."""

    def in_french(self) -> str | None:
        """Returns the French text of this very message, or None: a subclass or instance with another message
        inherits none."""
        if "french" in vars(self) or str(self) != sentence_of(self.__class__):
            return vars(self).get("french")
        return self.__class__.__dict__.get("french")


class NotAuthenticatedError(ClientError):
    """A valid access token is needed. Ask identity for one and send it as a Bearer token."""

    code = "token-invalid"
    status = 401
    french = "La connexion manque ou a pris fin. Connectez-vous, puis recommencez."


class SessionOverError(NotAuthenticatedError):
    """This session was ended. Sign in again."""

    code = "session-over"
    french = "Cette session a été fermée. Connectez-vous de nouveau."


class ForbiddenError(ClientError):
    """Your sign-in or token does not allow this."""

    code = "forbidden"
    status = 403
    french = "Votre connexion ne permet pas de faire cela."


class NotFoundError(ClientError):
    """There is nothing here, or nothing that you may see."""

    code = "not-found"
    status = 404
    french = "Il n’y a rien ici, ou rien que vous puissiez voir."


class OverloadedError(ClientError):
    """There is more to do than can be done at once. Wait a few seconds, then try again."""

    code = "unavailable"
    french = "Il y a trop à faire en même temps. Attendez quelques secondes, puis recommencez."
    status: ClassVar[int] = 503
    retry_after = 5


class ConflictError(ClientError):
    """This is in conflict with what is already stored."""

    code = "conflict"
    status = 409
    french = "Cela contredit ce qui est déjà enregistré."


class TooLargeError(ClientError):
    """The body is larger than this service takes."""

    code = "body-too-large"
    status = 413
    french = "Le contenu dépasse ce que ce service accepte."


class UnsupportedEncodingError(ClientError):
    """Send the body as it is, without Content-Encoding."""

    code = "encoding-unsupported"
    status = 415
    french = "Envoyez le contenu tel quel, sans Content-Encoding."


class InvalidError(ClientError):
    """The content is not valid."""

    code = "invalid"
    status = 422
    french = "Le contenu n’est pas valable."


class TooManyRequestsError(ClientError):
    """Too many requests in a short time. Wait, then try again."""

    code = "too-many-requests"
    status = 429
    french = "Trop de demandes en peu de temps. Attendez, puis recommencez."


class UncheckableError(ClientError):
    """This cannot be checked now. Try again in a minute."""

    code = "cannot-be-checked-now"
    status = 503
    french = "Cela ne peut pas être vérifié maintenant. Réessayez dans une minute."
    retry_after = 30


TRY_LATER: Final = (TransientError, OverloadedError, UncheckableError)
"""For `except`: the same attempt may succeed later."""
