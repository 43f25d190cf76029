"""Which kinds of alerts a person wants. Pure."""

from dataclasses import dataclass

from services.notify.kit.kinds import EMERGENCY_KINDS, AlertKind


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which kinds of alerts the person wants. Alerts of emergencies cannot be switched off."""

    document: bool = True
    consultation: bool = True

    def wants(self, kind: AlertKind) -> bool:
        """Whether alerts of this kind are switched on."""
        if kind in EMERGENCY_KINDS:
            return True
        return self.document if kind == "document" else self.consultation
