"""The importer of files into identity's database, on one machine."""

import os
from pathlib import Path

from deploy.local.platform import endpoints
from deploy.local.platform.paths import Layout
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import keyrings_of
from services.identity.app import make_importer
from services.identity.imports.file_import import Importer
from services.identity.settings import ImportSettings

OVERRIDE = "IDENTITY_POSTGRES__DSN"


def importer_of(var: Path) -> Importer:
    """Returns an importer into the database of IDENTITY_POSTGRES__DSN, by default that of the running installation.

    Raises LocalError.
    """
    if os.environ.get(OVERRIDE):
        return make_importer(ImportSettings())
    installation, secrets = endpoints.read(Layout(var)), Secrets.load(Layout(var).secrets)
    return make_importer(
        ImportSettings.model_validate(
            {
                "postgres": {"dsn": installation["services"]["identity"]["app_dsn"]},
                "keys": keyrings_of(secrets, "identity"),
                "demo": {"test_nir_keys": True},
            }
        )
    )
