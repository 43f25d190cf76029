"""The manifest of a copy: every file of the archive with its SHA-256, signed apart (`manifest.jws`)."""

from typing import Final, Literal
from uuid import UUID

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FORMAT: Final = "dmp-export-1"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.jws"
SIGNATURE_KIND: Final = "export-manifest+jws"
ExporterKind = Literal["patient", "representative"]


class ListedFile(BaseModel):
    """A file of the archive: its path, its bytes, and their SHA-256 in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z0-9._/-]{1,200}$")
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What a copy is, and its files in the order of the archive, without the manifest and its signature.

    `requester`: for whom it was made. `documents`: how many documents it has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal["dmp-export-1"] = FORMAT
    export_id: UUID
    record_id: UUID
    requester: ExporterKind
    made_at: AwareDatetime
    documents: int
    files: tuple[ListedFile, ...]

    def rendered(self) -> bytes:
        """Returns the bytes of `manifest.json`: the same for the same manifest."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"
