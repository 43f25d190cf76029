"""The rules of consent: what a change does to a person's choices, what it is decided on, what a deposit is. Pure."""
