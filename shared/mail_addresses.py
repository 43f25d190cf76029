"""Mail addresses: one rule for all that take or use them."""

from typing import Final

from shared.human_text import without_invisible

MAX_LENGTH: Final = 254
"""Characters of an address (RFC 5321, section 4.5.3.1.3, without the brackets of a path)."""


def mail_address(text: str) -> str | None:
    """Returns the address in ASCII as RFC 5321, section 4.1.2, writes it, without a quoted name or an address literal;
    None for what is none, and for reserved domains (RFC 6761).

    Blanks around the address and invisible characters do not count. The domain is in lower case; one with other than
    ASCII characters is in its ASCII form (RFC 5891).
    """
    from email_validator import EmailNotValidError, validate_email

    bare = without_invisible(text).strip()
    if len(bare) > MAX_LENGTH:
        return None
    try:
        address = validate_email(bare, allow_smtputf8=False, check_deliverability=False, strict=True).ascii_email
    except EmailNotValidError:
        return None
    return address if address is not None and len(address) <= MAX_LENGTH else None
