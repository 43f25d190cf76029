"""The response of a search of the directory."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.consent.directory.domain import DirectoryResult
from services.consent.directory.usecases.search_directory import DirectoryPage

_EXAMPLE: JsonValue = {
    "results": [
        {
            "id": "899700000001",
            "name": "Dr Inès Marbeuf",
            "profession": "G15_10",
            "structures": ["Maison de santé des Tilleuls"],
        }
    ],
    "next": None,
}


class DirectoryResultView(BaseModel):
    """An entry of the directory."""

    id: str = Field(description="national id: PS_IdNat or Struct_IdNat")
    name: str = Field(description="the public name")
    profession: str | None = Field(description="JDV_J65 as table and code (`G15_10`); null for a structure")
    structures: list[str] = Field(description="names of the structures where a professional works")

    @classmethod
    def of(cls, result: DirectoryResult) -> "DirectoryResultView":
        """Returns the view of a result."""
        return cls(id=result.id, name=result.name, profession=result.profession, structures=list(result.structures))


class DirectoryResultsView(BaseModel):
    """A page of entries in the order of their names; `next` is the `after` of the following page."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    results: list[DirectoryResultView] = Field(description="20 entries at most")
    next: str | None = Field(description="`after` of the following page; null on the last one")

    @classmethod
    def of(cls, page: DirectoryPage) -> "DirectoryResultsView":
        """Returns the view of a page."""
        following = page.results[-1].id if page.has_more else None
        return cls(results=[DirectoryResultView.of(result) for result in page.results], next=following)
