"""The bodies of changes of mail address and mobile number."""

from typing import Annotated

from pydantic import Field

from services.identity.kit.bodies import Body, Code, Text


class ContactChangeBody(Body):
    """One new mail address, or one new mobile number."""

    mail: Text | None = None
    mobile: Annotated[str, Field(min_length=1, max_length=64, examples=["06 39 98 00 01"])] | None = None


class BothCodesBody(Body):
    """The code sent to the contact on file, and the one sent to the new contact."""

    old_code: Code
    new_code: Code
