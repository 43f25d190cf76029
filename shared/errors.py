"""The errors that carry a stable code. The docstring of a class is its message."""

from typing import ClassVar


class CodedError(Exception):
    """Something could not be done."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__class__.__doc__ or "").strip())


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


class NotAuthenticatedError(ClientError):
    """A valid access token is needed. Ask identity for one and send it as a Bearer token."""

    code = "token-invalid"
    status = 401


class ForbiddenError(ClientError):
    """This token does not allow this."""

    code = "forbidden"
    status = 403


class NotFoundError(ClientError):
    """There is nothing here, or nothing that you may see."""

    code = "not-found"
    status = 404


class ConflictError(ClientError):
    """This is in conflict with what is already stored."""

    code = "conflict"
    status = 409


class TooLargeError(ClientError):
    """The body is larger than this service takes."""

    code = "body-too-large"
    status = 413


class UnsupportedEncodingError(ClientError):
    """Send the body as it is, without Content-Encoding."""

    code = "encoding-unsupported"
    status = 415


class InvalidError(ClientError):
    """The content is not valid."""

    code = "invalid"
    status = 422


class UncheckableError(ClientError):
    """This cannot be checked now. Try again in a minute."""

    code = "cannot-be-checked-now"
    status = 503
