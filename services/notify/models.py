"""HTTP request and response models."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.notify.domain import Preferences

_EXAMPLES: list[JsonValue] = [{"document": True, "consultation": False}]


class PreferencesModel(BaseModel):
    """Which kinds of alerts are switched on. That somebody opened the record in an emergency is told in any case."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, json_schema_extra={"examples": _EXAMPLES})
    document: bool = Field(description="a mail when a document is added to the record")
    consultation: bool = Field(description="a mail when a professional consults the record, once a day for each")

    @classmethod
    def of(cls, preferences: Preferences) -> "PreferencesModel":
        """As they are answered."""
        return cls(document=preferences.document, consultation=preferences.consultation)

    def preferences(self) -> Preferences:
        """As the rules take them."""
        return Preferences(self.document, self.consultation)
