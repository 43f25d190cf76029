"""The kinds of alerts, the channels and the languages in which people are notified."""

from typing import Literal

AlertKind = Literal["document", "consultation", "emergency", "emergency-follow-up"]
AlertChannel = Literal["mail", "sms"]
Channel = Literal["mail", "sms", "letter"]
Language = Literal["fr", "en"]
ALERT_CHANNELS: tuple[AlertChannel, ...] = ("mail", "sms")
EMERGENCY_KINDS: frozenset[AlertKind] = frozenset({"emergency", "emergency-follow-up"})
