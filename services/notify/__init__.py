"""Owns the notifications of the patient side: alerts, messages, preferences, the encrypted copy of contacts.

Publishes `notify.alerts.v1`: the end of each alert.
"""
