"""Requests that schemathesis generates from an OpenAPI document, reproducibly, in the form sent over the network."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Ok, Result

Operation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]

SEED = 20261129
COVERAGE = 10
"""The maximum number of cases of one operation that set one value to a limit and leave the others valid."""
BASE = "http://127.0.0.1"
_OF_THE_CLIENT = {"accept-encoding", "connection", "content-length", "user-agent", "x-schemathesis-testcaseid"}


@schemathesis.serializer("application/zip")
def zip_serializer(_: object, value: Any) -> bytes:
    """Returns the generated text as it is: bytes that are hardly ever an archive."""
    return _bytes(value, "utf-8")


@dataclass(frozen=True)
class Generated:
    """A request without a token. `route` is its path in OpenAPI."""

    method: str
    route: str
    url: str
    headers: dict[str, bytes]
    content: bytes | None


class Generator:
    """Generates requests for one service. `known`: the existing values by name of parameter or member."""

    def __init__(self, document: dict[str, Any], values_by_name: dict[str, Any], examples: int) -> None:
        self._schema = schemathesis.openapi.from_dict(document)
        self._values_by_name = values_by_name
        self._examples = examples

    def requests(self) -> Iterator[tuple[Generated, bool]]:
        """Yields the requests in the document's order, those that end something last, each with whether it names an
        existing object."""
        operations = [_operation(result) for result in self._schema.get_all_operations()]
        for operation in sorted(operations, key=_ends_something):
            for case in self._cases(operation):
                yield from self._variants(case)

    def _cases(self, operation: Operation) -> Iterator[AnyCase]:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            yield from _random_cases(operation, mode, self._examples)
            yield from self._limit_cases(operation, mode)

    def _limit_cases(self, operation: Operation, mode: GenerationMode) -> list[AnyCase]:
        config = self._schema.config.generation_for(operation=operation)
        cases = list(self._schema.iter_coverage_cases(operation, generation_modes=[mode], generation_config=config))
        step = max(1, -(-len(cases) // COVERAGE))
        return [case for case in cases[::step] if case.method.upper() == operation.method.upper()]

    def _variants(self, case: AnyCase) -> Iterator[tuple[Generated, bool]]:
        as_generated = _on_the_wire(case)
        if as_generated is not None:
            yield as_generated, False
        with_known = case.operation.Case(
            method=case.method,
            path_parameters=self._filled(case.path_parameters),
            query=self._filled(case.query),
            headers=case.headers,
            cookies=case.cookies,
            body=self._filled(case.body),
            media_type=case.media_type,
        )
        on_the_wire = _on_the_wire(with_known)
        if on_the_wire is not None and on_the_wire != as_generated:
            yield on_the_wire, True

    def _filled(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._values_by_name.get(name, self._filled(inner)) for name, inner in value.items()}
            case list():
                return [self._filled(inner) for inner in value]
            case _:
                return value


def _operation(result: Result[Operation, InvalidSchema]) -> Operation:
    """Raises AssertionError where the document describes it wrongly."""
    assert isinstance(result, Ok), result
    return result.ok()


def _random_cases(operation: Operation, mode: GenerationMode, count: int) -> list[AnyCase]:
    cases: list[AnyCase] = []

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def collect(case: AnyCase) -> None:
        cases.append(case)

    with contextlib.suppress(Unsatisfiable):  # where nothing is asked for, nothing can be wrong
        collect()
    return cases


def _ends_something(operation: Operation) -> bool:
    return operation.method.upper() == "DELETE" or operation.path.endswith(("/close", "/death", "/erase", "/unlink"))


def _on_the_wire(case: AnyCase) -> Generated | None:
    """Returns the request as sent; None when no client could send it."""
    arguments = case.as_transport_kwargs(base_url=BASE)
    try:
        prepared = requests.Request(**arguments).prepare()
        headers = {name.lower(): _bytes(value, "latin-1") for name, value in prepared.headers.items()}
    except (requests.RequestException, ValueError):
        return None
    sent = {name: value for name, value in headers.items() if name not in _OF_THE_CLIENT}
    content = None if prepared.body is None else _bytes(prepared.body, "utf-8")
    return Generated(str(prepared.method), case.path, str(prepared.url), sent, content)


def _bytes(value: Any, encoding: str) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(encoding)
