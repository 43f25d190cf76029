"""The reasons for which an XML document is refused."""

from shared.errors import InvalidError


class InvalidCdaError(InvalidError):
    """The document is not well-formed XML."""

    code = "xml-invalid"


class EmptyXmlError(InvalidCdaError):
    """The document is empty."""

    code = "xml-empty"


class DoctypeError(InvalidCdaError):
    """Remove the DOCTYPE: documents with one are refused, so that no entity is ever expanded."""

    code = "xml-doctype-refused"


class NulCharacterError(InvalidCdaError):
    """Send XML in UTF-8, without NUL characters; UTF-16 is not taken."""

    code = "nul-character"


class EncodingError(InvalidCdaError):
    """The encoding that the XML declares is not known. Send UTF-8."""

    code = "xml-encoding-unknown"


class TooDeepError(InvalidCdaError):
    """The elements are nested deeper than 256 levels."""

    code = "xml-too-deep"


class TooLargeError(InvalidCdaError):
    """The document is larger than is taken here."""

    code = "xml-too-large"


class NotCdaError(InvalidCdaError):
    """There is no ClinicalDocument (urn:hl7-org:v3) in this XML."""

    code = "cda-missing"


class IncompleteHeaderError(InvalidCdaError):
    """The header of the ClinicalDocument lacks something."""

    code = "cda-header-incomplete"
