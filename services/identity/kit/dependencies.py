"""The keyrings as a dependency of routes."""

from typing import Annotated

from fastapi import Depends

from services.identity.kit.sealed_rows import Keyrings
from shared.http.dependencies import provided

ProvidedKeyrings = Annotated[Keyrings, Depends(provided(Keyrings))]
