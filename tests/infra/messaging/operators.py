"""The operator of the tests."""

from typing import Final

from shared.contracts.base import Actor

OPERATOR: Final = Actor(kind="operator", id="operations", client_id="operations")
