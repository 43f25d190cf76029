"""Files of reimbursements: their frames, and their rows from CSV and Parquet."""
