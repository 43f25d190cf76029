"""The importers of files into the databases of identity and records, on one machine."""

import os
from pathlib import Path

from deploy.local.platform import endpoints
from deploy.local.platform.paths import Layout
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import keyrings_of
from services.identity.app import make_importer
from services.identity.imports.usecases.import_file import Importer
from services.identity.settings import ImportSettings
from services.records import app as records
from services.records.reimbursements.usecases.import_file import ReimbursementImporter
from services.records.settings import ImportSettings as RecordsImportSettings
from shared.runtime.settings import PostgresSettings

OVERRIDE = "IDENTITY_POSTGRES__DSN"
RECORDS_OVERRIDE = "RECORDS_POSTGRES__DSN"


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


def reimbursement_importer_of(var: Path) -> ReimbursementImporter:
    """Returns an importer into the database of RECORDS_POSTGRES__DSN, by default that of the running installation.

    Raises LocalError.
    """
    if os.environ.get(RECORDS_OVERRIDE):
        return records.make_importer(RecordsImportSettings())
    installation, secrets = endpoints.read(Layout(var)), Secrets.load(Layout(var).secrets)
    values = {
        "postgres": {"dsn": installation["services"]["records"]["app_dsn"]},
        "keys": keyrings_of(secrets, "records"),
    }
    return records.make_importer(RecordsImportSettings.model_validate(values))


def records_postgres_of(var: Path) -> PostgresSettings:
    """Returns the database of RECORDS_POSTGRES__DSN, by default that of records in the running installation.

    Raises LocalError.
    """
    dsn = os.environ.get(RECORDS_OVERRIDE) or endpoints.read(Layout(var))["services"]["records"]["app_dsn"]
    return PostgresSettings.model_validate({"dsn": dsn})
