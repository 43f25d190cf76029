"""HTTP: route, use case, response. No rule, no SQL."""

from fastapi import APIRouter

from services.identity.api import (
    accounts,
    campaigns,
    carers,
    clients,
    demo,
    directory,
    erasures,
    figures,
    lifecycle,
    links,
    oauth,
    openings,
    people,
    professionals,
    records,
    sessions,
)

ROUTERS: tuple[APIRouter, ...] = (
    records.router,
    people.router,
    carers.router,
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
    links.router,
    erasures.router,
    professionals.router,
)
