"""The kinds of alerts that a person has switched on."""
