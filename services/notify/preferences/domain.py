"""Which kinds of alerts a person wants. Pure."""

from dataclasses import dataclass

from services.notify.kit.kinds import ALWAYS_SENT_KINDS, AlertKind


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which kinds of alerts the person wants. Alerts of emergencies cannot be switched off."""

    document: bool = True
    consultation: bool = True

    def wants(self, kind: AlertKind) -> bool:
        """Whether alerts of this kind are switched on."""
        if kind in ALWAYS_SENT_KINDS:
            return True
        return self.document if kind == "document" else self.consultation
