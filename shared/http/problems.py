"""Errors over HTTP: problem+json (RFC 9457), with a stable code and what to do; never an error's internal text."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.db.errors import ErrorClass, classify_error
from shared.errors import ClientError, ForbiddenError, NotAuthenticatedError, NotFoundError, UncheckableError
from shared.http.constant_time import delay_response
from shared.http.field_errors import fields_message
from shared.http.head import allowed_methods
from shared.runtime.logs import log_limited

Renderer = Callable[[Request, int, str, str], Response]
"""(request, HTTP status, stable code, what is wrong and what to do) -> the answer in the API's format."""
PACED = (ForbiddenError, NotFoundError, UncheckableError)
"""Errors whose answer must not reveal whether something exists, by its words or by its time."""
RETRY_AFTER_S = 5
NO_PATH: Final = "There is no such path here."
NO_METHOD: Final = "This path takes"
_WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_CODES = {
    400: "bad-request",
    401: "token-invalid",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "encoding-unsupported",
}


def problem(_: Request, status: int, code: str, detail: str) -> Response:
    """Returns an answer of type application/problem+json."""
    body = {
        "type": f"urn:dmp:error:{code}",
        "title": code.replace("-", " "),
        "status": status,
        "code": code,
        "detail": detail,
    }
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


def prefers_french(accept_language: str) -> bool:
    """Whether French is preferred to English (RFC 9110, section 12.5.4); the default is English."""
    weights = language_weights(accept_language)
    return weights["fr"] > weights["en"]


def language_weights(accept_language: str) -> dict[str, float]:
    """Returns how much French and English are wanted, each from 0 to 1 (RFC 9110, section 12.5.4)."""
    weights = {"fr": 0.0, "en": 0.0}
    for wish in accept_language.lower().split(",")[:20]:
        tag, _, weight = wish.partition(";")
        language = tag.strip().partition("-")[0]
        if language in weights:
            match = _WEIGHT.fullmatch(weight.strip())
            weights[language] = max(weights[language], float(match[1]) if match else 0.0 if weight else 1.0)
    return weights


def install(app: FastAPI, render: Renderer = problem) -> None:
    """Registers handlers that answer every error of the app in the API's format."""

    async def on_client_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ClientError)
        french = error.in_french()
        language = french if prefers_french(request.headers.get("accept-language", "")) else None
        response = render(request, error.status, error.code, language or str(error))
        if french:
            response.headers.update({"content-language": "fr" if language else "en", "vary": "accept-language"})
        if isinstance(error, NotAuthenticatedError):
            response.headers["www-authenticate"] = 'Bearer error="invalid_token"'
        if error.retry_after is not None:
            response.headers["retry-after"] = str(error.retry_after)
        if isinstance(error, PACED):
            await delay_response(request)
        return _with_allow(request, response)

    def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        french = prefers_french(request.headers.get("accept-language", ""))
        response = render(request, 422, "invalid", fields_message(error.errors(), french=french))
        response.headers.update({"content-language": "fr" if french else "en", "vary": "accept-language"})
        return response

    def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "request-refused")
        response = render(request, error.status_code, code, _sentence_of(request, error.status_code, code))
        response.headers.update(error.headers or {})
        return _with_allow(request, response)

    app.add_exception_handler(ClientError, on_client_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


def _sentence_of(request: Request, status: int, code: str) -> str:
    """Returns what is wrong with a request that no route takes."""
    match status:
        case HTTPStatus.NOT_FOUND:
            return NO_PATH
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return f"{NO_METHOD} {', '.join(allowed_methods(request))}."
        case _:
            return code.replace("-", " ")


def _with_allow(request: Request, response: Response) -> Response:
    """Returns the answer; a 405 names the methods that its path has."""
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["allow"] = ", ".join(allowed_methods(request))
    return response


def answer_for(request: Request, error: Exception, render: Renderer) -> Response:
    """Returns the answer to an unhandled error: 503 if it may pass, 500 for a bug. Logs class, code and place."""
    error_class = classify_error(error)
    log_limited("request.failed", error, method=request.method)
    if error_class is ErrorClass.ALARM:
        log_limited("database.damaged", error)
    if error_class is ErrorClass.BUG:
        return render(request, 500, "internal", "Something went wrong on our side; it has been logged.")
    response = render(request, 503, "unavailable", "This service cannot answer now. Try again in a few seconds.")
    response.headers["retry-after"] = str(RETRY_AFTER_S)
    return response
