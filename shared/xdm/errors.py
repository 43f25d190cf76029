"""The reasons for which an XDM archive is refused."""

from typing import ClassVar

from shared.errors import InvalidError


class InvalidArchiveError(InvalidError):
    """The body is not a ZIP archive that can be read here."""

    code = "archive-invalid"


class ArchiveTooLargeError(InvalidArchiveError):
    """The archive is larger, once it is unpacked, than what is taken here, or has too many entries."""

    code = "archive-too-large"
    status: ClassVar[int] = 413


class EncryptedArchiveError(InvalidArchiveError):
    """The archive is encrypted. Send it as it is: the connection protects it."""

    code = "archive-encrypted"


class UnsafeNameError(InvalidArchiveError):
    """The archive has an entry that is a link, or whose name is absolute, leads out of the archive or stands twice."""

    code = "archive-name-refused"


class MissingMetadataError(InvalidArchiveError):
    """The archive has no IHE_XDM/<folder>/METADATA.XML (ITI-32)."""

    code = "xdm-metadata-missing"


class InvalidMetadataError(InvalidArchiveError):
    """METADATA.XML is not a SubmitObjectsRequest of ebRIM 3.0 that can be read."""

    code = "xdm-metadata-invalid"
