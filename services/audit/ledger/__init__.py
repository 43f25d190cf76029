"""The ledger's entries: each event once, dead letters too, and the motives of emergencies."""
