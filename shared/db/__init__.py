"""PostgreSQL by hand: pools, transactions, migrations."""
