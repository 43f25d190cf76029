"""The lowest layer of identity: keyrings, sealed rows, announcements, and the common parts of routes."""
