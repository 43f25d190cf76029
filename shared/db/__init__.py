"""PostgreSQL by hand: pools, transactions, migrations, and the keys under which rows lie."""
