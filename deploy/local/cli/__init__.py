"""The command line `dmp`."""
