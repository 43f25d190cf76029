"""The settings of traces."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.runtime.setting_types import CollectorUrl, check_pem_files


class TracingSettings(BaseModel):
    """Where the spans of traces go; without an endpoint none is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoint: CollectorUrl | None = Field(
        default=None, description="https URL of a collector, to which /v1/traces is added; http on this machine alone"
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of authorities that certify the collector; without it the system's"
    )
    ratio: float = Field(
        default=1, gt=0, le=1, description="share of the traces that are kept, the same in each service"
    )

    @model_validator(mode="after")
    def _check_authorities(self) -> Self:
        """Raises ValueError if the authorities cannot be read."""
        check_pem_files(self.ca_file)
        return self
