"""Owns what a person is told, how and when: messages, preferences, the sealed copy of addresses.

Publishes `notify.alerts.v1`: what became of each alert.
"""
