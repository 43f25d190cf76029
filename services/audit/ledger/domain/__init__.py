"""The rules of the room `ledger`, without input or output: entries, quarantine, writers, visibilities and cursors."""
