"""The rules of consent, without I/O: what a change does to the choices, and what deposits are decided on."""
