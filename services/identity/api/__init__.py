"""HTTP: route, use case, response. No rule, no SQL."""

from fastapi import APIRouter

from services.identity.api import (
    accounts,
    campaigns,
    carers,
    clients,
    contact_changes,
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
    represented,
    sessions,
)

ROUTERS: tuple[APIRouter, ...] = (
    records.router,
    represented.router,
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
    contact_changes.router,
    lifecycle.router,
    links.router,
    erasures.router,
    professionals.router,
)
