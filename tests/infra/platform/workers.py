"""Spreads the tests over the workers of pytest-xdist."""

from xdist.scheduler import LoadFileScheduling

WHOLE = "tests/e2e"


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Spreads tests file by file, so that module fixtures are made once; end-to-end tests stay together."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return WHOLE if scope.startswith(f"{WHOLE}/") else scope
