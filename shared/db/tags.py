"""Reads PostgreSQL's command tags."""


def count_of(tag: str) -> int:
    """Returns the number of rows written or deleted by a statement without RETURNING: `DELETE 3`, `INSERT 0 3`."""
    return int(tag.rpartition(" ")[2])
