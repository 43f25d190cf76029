"""HTTP: route, use case, response. No rule, no SQL."""

from fastapi import APIRouter

from services.identity.api import (
    accounts,
    campaigns,
    clients,
    demo,
    directory,
    erasures,
    figures,
    lifecycle,
    oauth,
    openings,
    professionals,
    records,
    sessions,
)

ROUTERS: tuple[APIRouter, ...] = (
    records.router,
    openings.router,
    campaigns.router,
    figures.router,
    directory.router,
    clients.router,
    oauth.router,
    demo.router,
    sessions.router,
    accounts.router,
    lifecycle.router,
    erasures.router,
    professionals.router,
)
