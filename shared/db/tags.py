"""What PostgreSQL says a statement has done."""


def count_of(tag: str) -> int:
    """The rows that a statement without RETURNING has written or deleted: `DELETE 3`, `INSERT 0 3`."""
    return int(tag.rpartition(" ")[2])
