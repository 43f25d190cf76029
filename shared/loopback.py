"""Recognises the loopback addresses of this machine."""

import ipaddress
import re

# Matches a name, an IPv4 address or a bracketed IPv6 address, each with or without a port; or a bare IPv6 address.
_HOST = re.compile(r"([^:\[\]]+)(?::\d+)?|\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9A-Fa-f:.]+)", re.ASCII)


def is_loopback(host: str) -> bool:
    """Returns whether a host name or address (brackets and a port allowed) is this machine's own loopback.

    Names below `localhost` are too (RFC 6761, section 6.3).
    """
    match = _HOST.fullmatch(host)
    name = "" if match is None else next(part for part in match.groups() if part)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
