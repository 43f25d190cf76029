"""Every SQL statement of records. Each names the bucket of its rows; where the bucket is not known yet, it says why."""
