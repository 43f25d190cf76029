"""The keys that verify tokens come from a server that proves by TLS who it is, or from this machine."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from joserfc.jwk import KeySet
from pydantic import ValidationError

from shared.http import jwks
from shared.http.issuer_keys import IssuerKeys
from shared.runtime.settings import TokenSettings
from tests.conftest import NewPool
from tests.infra.http.servers import listening
from tests.infra.http.tokens import ISSUER, KEY
from tests.infra.platform.certificates import Authority, CertificateFiles

PATH = "/.well-known/jwks.json"


@asynccontextmanager
async def publishing(files: CertificateFiles) -> AsyncIterator[int]:
    """Yields the port of a server that publishes the keys of the tests over TLS, with this certificate."""
    app = FastAPI()
    app.add_api_route(PATH, lambda: KeySet([KEY]).as_dict(private=False))
    config = uvicorn.Config(
        app, host="127.0.0.1", log_level="critical", ssl_certfile=files.certificate, ssl_keyfile=files.key
    )
    async with listening(config) as port:
        yield port


def settings(port: int, ca_file: Path, host: str = "localhost") -> TokenSettings:
    return TokenSettings(issuer=ISSUER, jwks_url=f"https://{host}:{port}{PATH}", ca_file=ca_file)


async def test_keys_come_from_a_server_that_the_authority_certified(new_pool: NewPool, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with publishing(authority.issue("identity")) as port:
        keys = await IssuerKeys(await new_pool("consent"), settings(port, authority.file)).current()
    assert [key.kid for key in keys.keys] == [KEY.kid]


async def test_keys_of_a_server_that_is_not_proven_are_not_taken(new_pool: NewPool, tmp_path: Path) -> None:
    authority, another = Authority(tmp_path), Authority(tmp_path, "another")
    pool = await new_pool("consent")
    async with publishing(another.issue("identity")) as port:
        assert (await IssuerKeys(pool, settings(port, authority.file)).current()).keys == []
    async with publishing(authority.issue("identity", ["identity.example"])) as port:
        assert (await IssuerKeys(pool, settings(port, authority.file)).current()).keys == []
    assert await pool.fetchval("select count(*) from issuer_keys") == 0


async def test_the_authorities_are_read_again_when_their_file_changes(
    new_pool: NewPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "MIN_FETCH_INTERVAL_S", 0.0)
    authority, used = Authority(tmp_path), Authority(tmp_path, "used")
    async with publishing(authority.issue("identity")) as port:
        keys = IssuerKeys(await new_pool("consent"), settings(port, used.file))
        assert (await keys.current()).keys == []
        shutil.copy(authority.file, used.file)
        assert [key.kid for key in (await keys.refreshed()).keys] == [KEY.kid]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"jwks_url": "http://identity.example/jwks"}, "must be an https URL"),
        ({"jwks_url": "http://10.0.0.1/jwks"}, "must be an https URL"),
        ({"jwks_url": "https:///jwks"}, "must be an https URL"),
        ({"jwks_url": "ftp://127.0.0.1/jwks"}, "must be an https URL"),
        ({"jwks_url": "http://127.0.0.1/jwks", "ca_file": "/nowhere.pem"}, "CA_FILE has no effect"),
        ({"jwks_url": "https://identity.example/jwks", "ca_file": "/nowhere.pem"}, "CA_FILE cannot be read"),
    ],
)
def test_a_source_of_keys_that_proves_nothing_is_refused_at_the_start(values: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TokenSettings.model_validate({"issuer": ISSUER, **values})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8401/jwks", "http://[::1]:8401/jwks", "http://localhost/jwks"])
def test_keys_of_this_machine_need_no_tls(url: str) -> None:
    assert TokenSettings(issuer=ISSUER, jwks_url=url).jwks_url == url
