"""Serves a process's app over HTTP: binds its ports before anything else starts, and logs its start and its end."""

import gc
import os
import socket
import ssl
from functools import partial
from typing import Final

import uvicorn
from fastapi import FastAPI
from prometheus_client import start_http_server

from shared.http import bulk_lane, prefer
from shared.http.protocol import LimitedProtocol
from shared.runtime.logs import log
from shared.runtime.settings import HttpSettings, ServiceSettings, WorkerSettings
from shared.runtime.tls import server_context
from shared.runtime.version import software_version
from shared.service.startup import SettingUnusableError, address_errors, bind

_RETIRED: Final = "FORWARDED_ALLOW_IPS"
_UNPROTECTED: Final = (
    "is needed, with KEY_FILE, where the API listens beyond this machine; "
    "or HTTP__PLAINTEXT=true, if TLS ends before it"
)
NO_PROXIES: Final = HttpSettings()

WORKER_SHUTDOWN_S: Final = 3
"""Seconds that requests to a worker (probes, operators' acts) have to be answered once it is asked to end."""
LONGEST_WORK_S: Final = 10
"""Seconds that a request to an API works at most, besides its turn in the bulk lane and what `Prefer: wait` waits."""
API_SHUTDOWN_S: Final = round(bulk_lane.LONGEST_WAIT_S + prefer.LONGEST_WAIT_S) + LONGEST_WORK_S
"""Seconds that requests to an API have to be answered once it is asked to end: as long as it lets them wait. Without
requests in work it ends at once."""


def serve_api(app: FastAPI, settings: ServiceSettings) -> None:
    """Serves an API, and its metrics on a port of their own, until the process is ended."""
    if _RETIRED in os.environ:
        raise SettingUnusableError("HTTP__TRUSTED_PROXIES", f"takes the place of {_RETIRED}: unset that variable")
    if not settings.http.is_protected:
        raise SettingUnusableError("HTTP__CERTIFICATE_FILE", _UNPROTECTED)
    metrics = settings.metrics
    if metrics.port is not None:
        with address_errors("METRICS", metrics.host, metrics.port):
            start_http_server(metrics.port, metrics.host)
    serve(http_config(app, settings.http, API_SHUTDOWN_S), bind("HTTP", settings.http.host, settings.http.port))


def serve_worker(app: FastAPI, settings: ServiceSettings) -> None:
    """Runs a worker and serves its health, metrics and operators' routes, until the process is ended."""
    serve(worker_config(app, settings.worker), bind("WORKER", settings.worker.host, settings.worker.port))


def worker_config(app: FastAPI, worker: WorkerSettings) -> uvicorn.Config:
    """Returns how a worker serves its app: over TLS where it has a certificate. Nobody is believed about clients."""
    return http_config(app, HttpSettings(certificate_file=worker.certificate_file, key_file=worker.key_file))


class _Server(uvicorn.Server):
    """A server that logs when it has started, with the release and the port."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the app and listens on the bound socket."""
        await super().startup(sockets)
        if self.started and sockets:
            log("process.started", version=software_version(), port=sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the app; afterwards the signal that asked for it ends the process."""
        await super().shutdown(sockets)
        log("process.stopped")


def http_config(app: FastAPI, http: HttpSettings = NO_PROXIES, shutdown_s: int = WORKER_SHUTDOWN_S) -> uvicorn.Config:
    """Returns how a process serves its app. `shutdown_s`: seconds for the requests in work at its end.

    The client of a request is the peer of its connection. Where that is a trusted proxy, it is the rightmost address of
    `X-Forwarded-For` that is no trusted proxy itself: addresses further left are what a client may have made up. A
    proxy that shows a certificate names one address alone.
    """
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=partial(LimitedProtocol, max_age_s=http.max_connection_age_s),  # type: ignore[arg-type]  # called only
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=shutdown_s,
        timeout_keep_alive=75,  # longer than a client keeps an idle connection: it must not be closed under a request
        server_header=False,
        proxy_headers=bool(http.trusted_proxies),
        forwarded_allow_ips=http.trusted_proxies,
        ssl_context_factory=None if http.certificate_file is None else lambda *_: _tls(http),
    )


def _tls(http: HttpSettings) -> ssl.SSLContext:
    assert http.certificate_file is not None
    assert http.key_file is not None
    return server_context(http.certificate_file, http.key_file, http.proxy_authorities_file, admits_others=True)


def serve(config: uvicorn.Config, bound: socket.socket) -> None:
    """Serves on a bound socket until the process is ended."""
    freeze_gc()
    with bound:
        _Server(config).run([bound])


def freeze_gc() -> None:
    """Exempts the objects made by imports from garbage collection: they live as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
