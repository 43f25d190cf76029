"""Which hosts are this machine's own loopback."""

import pytest

from shared.loopback import is_loopback


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]:8401", True),
        ("localhost", True),
        ("localhost:8401", True),
        ("127.0.0.1:8401", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.1.2.3", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("example:127", False),
        ("", False),
        ("[", False),
        ("[::1", False),
    ],
)
def test_only_this_machines_loopback_is_here(host: str, here: bool) -> None:
    assert is_loopback(host) is here
