"""The process of the OpenID test provider, and the configuration that it shares with identity."""

import json
import os
import sys

from deploy.local.platform.child import ChildSpec
from deploy.local.platform.paths import REPOSITORY, Layout, write_private
from deploy.local.platform.ports import HOST
from deploy.local.platform.probes import answers
from deploy.local.platform.secrets import Secrets

CLIENT_ID = "dmp"
PEOPLE = (
    {"id": "899900000101", "name": "Camille Marbeuf", "specialty": "SM26"},
    {"id": "899900000202", "name": "Noé Vautrelle", "specialty": "SM26"},
    {"id": "899900000303", "name": "Ysaline Corbeval", "profession": "21"},
    {"id": "899900000404", "name": "Ombeline Tressard", "specialty": "SM26"},
)
"""The invented professionals of `dmp bootstrap`, without a structure, as `dmp bootstrap` enters them."""


def psc_variables(secrets: Secrets, port: int, identity: str, pages: str) -> dict[str, str]:
    """Returns identity's settings about the provider. `pages`: the address of all pages."""
    return {
        "PROFESSIONALS__PSC_ISSUER": f"http://{HOST}:{port}",
        "PROFESSIONALS__PSC_CLIENT_ID": CLIENT_ID,
        "PROFESSIONALS__PSC_SECRET": secrets.password("psc"),
        "PROFESSIONALS__PSC_REDIRECT_URI": _redirect(identity),
        "PROFESSIONALS__PSC_PAGES_URI": _pages_redirect(pages),
    }


def write_psc(layout: Layout, secrets: Secrets, identity: str, pages: str) -> None:
    """Writes the provider's configuration, secrets/psc.json."""
    uris = {"redirect_uri": _redirect(identity), "pages_uri": _pages_redirect(pages)}
    client = {"id": CLIENT_ID, "secret": secrets.password("psc"), **uris}
    content = {"clients": [client], "people": PEOPLE}
    write_private(layout.secrets / "psc.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def psc_spec(layout: Layout, port: int) -> ChildSpec:
    """Returns how the supervisor runs the provider."""

    async def healthy() -> bool:
        return await answers(port, "/readyz")

    return ChildSpec(
        name="psc",
        command=(sys.executable, "-m", "deploy.local.platform.psc", str(port), str(layout.secrets)),
        log=layout.log("psc"),
        healthy=healthy,
        directory=REPOSITORY,
        environment={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _redirect(identity: str) -> str:
    return f"{identity}/professionals/callback"


def _pages_redirect(pages: str) -> str:
    return f"{pages}/session/pro-sante-connect"
