"""The entries of the ledger: each event once, dead letters too, and the motives of emergencies."""
