"""A name server on the loopback that answers with the addresses that a test sets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.edge.tls import TYPE, Json

_A, _IN, _TTL_S = 1, 1, 1
_ANSWER: Final = 0x8400
"""Flags: an authoritative answer without an error."""
_HEADER: Final = struct.Struct("!6H")
_QUESTION_AT: Final = 0xC000 | _HEADER.size
"""A pointer to the name in the question."""


@dataclass
class Names(asyncio.DatagramProtocol):
    """Answers each question (RFC 1035) with `addresses`, of IPv4."""

    addresses: list[str] = field(default_factory=list)
    port: int = 0
    _transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Notes the port."""
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers a question."""
        end = data.index(b"\0", _HEADER.size) + 5
        [number] = struct.unpack_from("!H", data)
        [kind] = struct.unpack_from("!H", data, end - 4)
        addresses = self.addresses if kind == _A else []
        records = [
            struct.pack("!3HIH", _QUESTION_AT, _A, _IN, _TTL_S, 4) + socket.inet_aton(each) for each in addresses
        ]
        header = _HEADER.pack(number, _ANSWER, 1, len(records), 0, 0)
        self._transport.sendto(header + data[_HEADER.size : end] + b"".join(records), addr)

    def resolver(self) -> Json:
        """Returns Envoy's resolver that asks this server."""
        kind = f"{TYPE}extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.port}}
        options = {"no_default_search_domain": True}
        typed = {"@type": kind, "resolvers": [address], "dns_resolver_options": options}
        return {"name": "envoy.network.dns_resolver.cares", "typed_config": typed}


@asynccontextmanager
async def naming(*addresses: str) -> AsyncIterator[Names]:
    """Yields a name server whose every name has these addresses."""
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(lambda: Names(list(addresses)), local_addr=("127.0.0.1", 0))
    try:
        yield names
    finally:
        transport.close()
