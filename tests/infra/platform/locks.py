"""Shows that a statement waits for a lock that another transaction holds."""

SELECT_BLOCKED = """
select exists (
  select from pg_locks where not granted and pid in (
    select pid from pg_stat_activity where datname = current_database()))"""
"""Whether somebody waits in this database; tests that run at the same time have databases of their own."""
