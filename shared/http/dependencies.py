"""FastAPI dependencies for the values that `app.py` builds once, found by their type."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import FastAPI, Request

T = TypeVar("T")


def provide(app: FastAPI, *values: object) -> None:
    """Makes these values available to the routes of an app; one value of each type."""
    app.state.provided = {type(value): value for value in values}


def provided(kind: type[T]) -> Callable[[Request], Coroutine[Any, Any, T]]:
    """Returns the dependency that gives the app's value of this type: `Annotated[T, Depends(provided(T))]`.

    The dependency raises KeyError when `provide` got no value of the type.
    """

    async def value_of(request: Request) -> T:
        value: T = request.app.state.provided[kind]
        return value

    return value_of
