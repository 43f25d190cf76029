"""HTTP request and response models."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.notify.preferences.domain import Preferences

_EXAMPLES: list[JsonValue] = [{"document": True, "consultation": False}]


class PreferencesModel(BaseModel):
    """Which kinds of alerts are switched on. Alerts of emergencies are always sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, json_schema_extra={"examples": _EXAMPLES})
    document: bool = Field(description="whether a mail is sent when a document is added to the record")
    consultation: bool = Field(
        description="whether a mail is sent when a professional consults the record, once a day for each professional"
    )

    @classmethod
    def from_preferences(cls, preferences: Preferences) -> "PreferencesModel":
        """Returns the model of these preferences."""
        return cls(document=preferences.document, consultation=preferences.consultation)

    def to_preferences(self) -> Preferences:
        """Returns the preferences as the domain knows them."""
        return Preferences(self.document, self.consultation)
