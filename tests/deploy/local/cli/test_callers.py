"""How commands name their caller: --as."""

from uuid import UUID

import httpx2
import pytest

from deploy.local.cli.commands.common import patient_session, session_for
from deploy.local.demo.client import Dmp
from deploy.local.platform.errors import LocalError
from tests.deploy.local.cli.test_commands import RECORD

OWN = "0199a3c4-5d00-8a11-9b7e-2f6c1d4e0000"
TOKEN = {"access_token": "t", "expires_in": 300}


class Identity(httpx2.AsyncBaseTransport):
    """Answers every request with a token, and notes the bodies."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.bodies.append((request.url.path, await request.aread()))
        return httpx2.Response(200, json=TOKEN, request=request)


@pytest.mark.parametrize(
    ("who", "bodies"),
    [
        (f"patient:{RECORD}", [("/demo/sign-in", RECORD)]),
        (f"patient:{OWN}:{RECORD}", [("/demo/sign-in", OWN), ("/token/acting-for", RECORD)]),
        ("professional:899900000101", [("/demo/sign-in", "899900000101")]),
        ("professional:899900000101:1990000105", [("/demo/sign-in", "1990000105")]),
        ("doctor", [("/demo/sign-in", "899900000101")]),
    ],
)
async def test_a_caller_is_signed_in_by_what_names_it(who: str, bodies: list[tuple[str, str]]) -> None:
    identity = Identity()
    installation = {"credentials": {"doctor": {"kind": "professional", "professional_id": "899900000101"}}}
    async with httpx2.AsyncClient(transport=identity) as http:
        dmp = Dmp(http, {"identity": "http://identity.example"})
        await session_for(dmp, installation, who).token()
    assert [path for path, _ in identity.bodies] == [path for path, _ in bodies]
    for (_, sent), (_, id) in zip(identity.bodies, bodies, strict=True):
        assert id.encode() in sent


@pytest.mark.parametrize("who", ["patient:", "patient::", "professional:", "nobody", ""])
async def test_the_error_about_an_unknown_caller_names_those_that_are_known(who: str) -> None:
    async with httpx2.AsyncClient() as http:
        with pytest.raises(LocalError, match="known: doctor"):
            session_for(Dmp(http, {}), {"credentials": {"doctor": {}}}, who)


async def test_a_patients_command_is_the_patients_unless_another_caller_is_named() -> None:
    async with httpx2.AsyncClient() as http:
        dmp = Dmp(http, {})
        assert patient_session(dmp, {}, UUID(RECORD), None).who == f"patient {RECORD}"
        assert patient_session(dmp, {}, UUID(RECORD), f"patient:{OWN}:{RECORD}").who == f"patient {OWN} for {RECORD}"
