"""What messages say of the service that sends them: its name, site, telephone and sender."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.notify.kit.kinds import Language

NO_BREAK_SPACE = "\xa0"
"""Stands before French signs of two parts, and separates the groups of a code while lines are wrapped."""
_BEFORE_SIGN = re.compile(r" (?=[:;!?»])|(?<=«) ")


@dataclass(frozen=True, slots=True)
class SenderDetails:
    """The service as its messages name it.

    `mailbox`: the From of mails, `Name <address>`; `short_name`: begins each SMS; `site`: as people type it, without
    `https://`.
    """

    mailbox: str
    name: str
    short_name: str
    site: str
    telephone: str

    def values(self) -> Mapping[str, str]:
        """Returns the values that every text may use."""
        return {"service": self.name, "sender": self.short_name, "site": self.site, "telephone": self.telephone}


def typeset(text: str, language: Language) -> str:
    """Returns the text with the no-break spaces that French sets before `: ; ! ? »` and after `«`."""
    return _BEFORE_SIGN.sub(NO_BREAK_SPACE, text) if language == "fr" else text
