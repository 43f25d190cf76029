"""The rules of persons as a dependency of routes."""

from typing import Annotated

from fastapi import Depends

from services.identity.people.domain.persons import PersonRules
from shared.http.dependencies import provided

ProvidedPersonRules = Annotated[PersonRules, Depends(provided(PersonRules))]
