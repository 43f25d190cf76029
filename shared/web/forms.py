"""Forms: their fields and files, what is wrong with them, and their one-time ids."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from uuid import UUID

from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from shared.errors import ClientError, InvalidError
from shared.http.bodies import NulCharacterError
from shared.runtime import clock

FORM_ID: Final = "form-id"
MOST_FIELDS: Final = 200
MULTIPART: Final = "multipart/form-data"


class FormUnreadableError(InvalidError):
    """This form could not be read. Open its page again, then send it."""

    code = "form-unreadable"
    french = "Ce formulaire n’a pas pu être lu. Rouvrez sa page, puis envoyez-le."
    status: ClassVar[int] = 400


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that a form sends. `name` and `media_type` are what the browser states."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sends: its fields in their order, and its files by field. Their values are not for logs."""

    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    files: Mapping[str, SentFile] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """Returns the last value of a field without blanks at its ends; empty where it was not sent."""
        return next((value.strip() for key, value in reversed(self.fields) if key == name), "")

    def uuid(self, name: str, unknown: type[ClientError]) -> UUID:
        """Returns the id in a field. Raises `unknown` where it holds none."""
        try:
            return UUID(self.text(name))
        except ValueError:
            raise unknown from None

    def is_checked(self, name: str) -> bool:
        """Returns whether a box is checked."""
        return bool(self.text(name))

    @property
    def id(self) -> UUID:
        """The one-time id of the form. Raises FormUnreadableError."""
        return self.uuid(FORM_ID, FormUnreadableError)


@dataclass(slots=True)
class FieldErrors:
    """What is wrong with a form: keys of texts by the names of its fields, in the order of the form."""

    keys: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, key: str) -> None:
        """Adds what is wrong with a field; the first finding stays."""
        self.keys.setdefault(name, key)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.keys.items())


class _MemoryParser(MultiPartParser):
    """Keeps files in memory, whose size the door has limited: health data are not written to temporary files."""

    spool_max_size = 2**62


async def read_form(request: Request) -> Form:
    """Returns the form that the request sends. Raises FormUnreadableError, NulCharacterError."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == MULTIPART:
        parser: Any = _MemoryParser(request.headers, request.stream(), max_files=1, max_fields=MOST_FIELDS)
    elif content_type == "application/x-www-form-urlencoded":
        parser = FormParser(request.headers, request.stream())
    else:
        raise FormUnreadableError
    try:
        parts = (await parser.parse()).multi_items()
    except (MultiPartException, ValueError) as error:
        raise FormUnreadableError from error
    if len(parts) > MOST_FIELDS:
        raise FormUnreadableError
    fields = tuple((name, value) for name, value in parts if isinstance(value, str))
    if any("\0" in name or "\0" in value for name, value in fields):
        raise NulCharacterError
    files = {name: await _file(value) for name, value in parts if isinstance(value, UploadFile)}
    return Form(fields, {name: file for name, file in files.items() if file.content or file.name})


async def _file(upload: UploadFile) -> SentFile:
    content = await upload.read()
    await upload.close()
    return SentFile(upload.filename or "", upload.content_type or "", content)


def new_form_id() -> str:
    """Returns the id of a form that is about to be shown. It becomes the id of what the form makes, so that a form that
    is sent twice makes it once."""
    return str(clock.new_id())
