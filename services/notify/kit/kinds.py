"""The kinds of alerts, and the channels and languages of notifications."""

from typing import Literal

AlertKind = Literal["document", "consultation", "emergency", "emergency-follow-up", "history"]
AlertChannel = Literal["mail", "sms"]
Channel = Literal["mail", "sms", "letter"]
Language = Literal["fr", "en"]
LOCALES: dict[Language, str] = {"fr": "fr_FR", "en": "en_GB"}
"""How numbers and dates are written."""
ALERT_CHANNELS: tuple[AlertChannel, ...] = ("mail", "sms")
ALWAYS_SENT_KINDS: frozenset[AlertKind] = frozenset({"emergency", "emergency-follow-up"})
"""Alerts that nobody can switch off. The queue of emergencies has the first alone: a follow-up is in no hurry."""
