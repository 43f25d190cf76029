"""Refused submissions that a hospital can mend: kept for the depositor alone, corrected and sent again."""
