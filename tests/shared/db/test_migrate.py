"""The migrations runner refuses a server that lacks what the services need."""

import pytest

from shared.db.migrate import PostgresTooOldError, check_version


def test_a_server_older_than_17_is_refused_by_its_version() -> None:
    with pytest.raises(PostgresTooOldError, match=r"PostgreSQL 16\. PostgreSQL 17 or newer"):
        check_version(16)


@pytest.mark.parametrize("major", [17, 18])
def test_newer_servers_are_taken(major: int) -> None:
    assert check_version(major) is None  # type: ignore[func-returns-value]  # it raises or returns nothing
