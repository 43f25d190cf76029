"""The API of records, for the files that are sent to it."""

from tests.records.conftest import api, shared_records_api  # noqa: F401  # fixtures
