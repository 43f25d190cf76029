"""What the patient side states in a form of its own: health profile, wishes, advance directives, notes."""
