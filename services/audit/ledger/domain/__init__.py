"""The rules of the ledger: the entry of each event, quarantine, writers, visibilities and cursors. Pure."""
