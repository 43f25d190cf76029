"""The versions of the national matrix: imported, compared, activated."""
