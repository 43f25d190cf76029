"""Access to PostgreSQL without an ORM: pools, transactions, migrations."""
