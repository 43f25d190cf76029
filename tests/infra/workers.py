"""Which worker runs which tests, where there are several (pytest-xdist)."""

from xdist.scheduler import LoadFileScheduling

WHOLE = "tests/e2e"


class ByFile(LoadFileScheduling):
    """File by file, so that what a module keeps is made once; the end-to-end tests, which share one whole, together."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return WHOLE if scope.startswith(f"{WHOLE}/") else scope
