"""Corrections of stored rows that earlier releases wrote in another form."""
