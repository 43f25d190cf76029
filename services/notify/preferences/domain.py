"""The preferences of a person about alerts."""

from dataclasses import dataclass

from services.notify.kit.kinds import ALWAYS_SENT_KINDS, AlertKind


@dataclass(frozen=True, slots=True)
class Preferences:
    """The kinds of alerts that the person wants. Alerts of emergencies cannot be switched off."""

    document: bool = True
    consultation: bool = True

    def wants(self, kind: AlertKind) -> bool:
        """Returns whether alerts of this kind are switched on."""
        if kind in ALWAYS_SENT_KINDS:
            return True
        return self.document if kind == "document" else self.consultation
