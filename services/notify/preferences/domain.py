"""The preferences of a person about alerts."""

from dataclasses import dataclass

from services.notify.kit.kinds import AlertKind


@dataclass(frozen=True, slots=True)
class Preferences:
    """The kinds of alerts that the person wants. Alerts of emergencies cannot be switched off.

    `document`: news in the record, so the first filling of its history too.
    """

    document: bool = True
    consultation: bool = True

    def wants(self, kind: AlertKind) -> bool:
        """Returns whether alerts of this kind are switched on."""
        match kind:
            case "document" | "history":
                return self.document
            case "consultation":
                return self.consultation
            case "emergency" | "emergency-follow-up":
                return True
