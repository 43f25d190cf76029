"""The context that the routes about choices get from the app."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.consent.choices.adapters import InForceNotifier
from services.consent.choices.domain.rules import ChoicesRules
from shared.db.pool import Pool
from shared.http.dependencies import provided


@dataclass(frozen=True, slots=True)
class ChoicesContext:
    """The pool, the rules, and the notifier of changes that came into force."""

    pool: Pool
    rules: ChoicesRules
    in_force: InForceNotifier


InjectedChoicesContext = Annotated[ChoicesContext, Depends(provided(ChoicesContext))]
"""A route's parameter: the context that `app.py` built."""
