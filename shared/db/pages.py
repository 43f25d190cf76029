"""Reading a table page after page, in the order of (bucket, id)."""

from typing import Final
from uuid import UUID

BEFORE_ALL: Final = (-1, UUID(int=0))
"""The position before every row."""
