"""The SQL of reimbursements: lines, the files that they come from, and their retention."""
