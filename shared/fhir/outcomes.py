"""OperationOutcome (FHIR R4), with the stable error codes of this implementation."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

ERROR_CODES: Final = "https://dmp.example/fhir/CodeSystem/error-codes"


class Severity(StrEnum):
    """The severity of an issue (FHIR issue-severity)."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


class IssueType(StrEnum):
    """The codes of FHIR issue-type that are in use."""

    INVALID = "invalid"
    STRUCTURE = "structure"
    REQUIRED = "required"
    VALUE = "value"
    TOO_LONG = "too-long"
    TOO_COSTLY = "too-costly"
    NOT_SUPPORTED = "not-supported"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not-found"
    CODE_INVALID = "code-invalid"
    BUSINESS_RULE = "business-rule"
    CONFLICT = "conflict"
    SECURITY = "security"
    LOGIN = "login"
    FORBIDDEN = "forbidden"
    TRANSIENT = "transient"
    EXCEPTION = "exception"
    INFORMATIONAL = "informational"


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue: a stable kebab-case code, what to do about it in English, and its place (FHIRPath).

    Diagnostics never repeat what was sent, except codes.
    """

    code: str
    diagnostics: str
    expression: str | None = None
    type: IssueType = IssueType.INVALID
    severity: Severity = Severity.ERROR


def outcome_resource(issues: Iterable[Issue]) -> dict[str, object]:
    """Returns the OperationOutcome as a JSON object, to embed in a Bundle."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def operation_outcome(issues: Iterable[Issue]) -> bytes:
    """Returns the OperationOutcome as JSON bytes."""
    return orjson.dumps(outcome_resource(issues))


def _issue(issue: Issue) -> dict[str, object]:
    resource: dict[str, object] = {
        "severity": issue.severity,
        "code": issue.type,
        "details": {"coding": [{"system": ERROR_CODES, "code": issue.code}]},
        "diagnostics": issue.diagnostics,
    }
    if issue.expression is not None:
        resource["expression"] = [issue.expression]
    return resource
