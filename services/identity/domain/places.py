"""Whether a host is the loopback of this machine, and the refusal of the demonstration's sign-in elsewhere."""

import ipaddress
import re

from shared.errors import ForbiddenError


class SignInRefusedError(ForbiddenError):
    """The direct sign-in is for demonstrations. It is switched off here, or your request does not come from this
    machine."""

    code = "sign-in-refused"
    french = (
        "La connexion directe sert aux démonstrations : elle est éteinte ici, ou vous n’êtes pas sur cette machine."
    )


# A name or IPv4 address, an IPv6 address in brackets, both with or without a port; an IPv6 address alone.
_HOST = re.compile(r"([^:\[\]]+)(?::\d+)?|\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9A-Fa-f:.]+)")


def is_loopback(host: str) -> bool:
    """Returns whether a host name or address (brackets and a port allowed) is this machine's own loopback."""
    match = _HOST.fullmatch(host)
    name = "" if match is None else next(part for part in match.groups() if part)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
