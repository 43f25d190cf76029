"""The routes of a record's history of reimbursements."""
