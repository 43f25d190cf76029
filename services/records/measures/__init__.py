"""Measures of the patient side (weight, blood pressure, glucose ...): entered, corrected, deleted, with trends."""
