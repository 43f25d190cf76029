"""The command `dmp`."""
