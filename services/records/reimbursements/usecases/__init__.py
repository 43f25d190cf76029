"""The use cases of reimbursements."""
