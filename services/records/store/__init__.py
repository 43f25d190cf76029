"""Every SQL statement of records. Each names the bucket of what it touches; where it is not known yet, it says why."""
