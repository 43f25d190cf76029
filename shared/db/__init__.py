"""Access to PostgreSQL without an ORM: pools, transactions, migrations, and the keys that seal rows."""
