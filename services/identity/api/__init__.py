"""HTTP: route, use case, response. No rule, no SQL."""

from fastapi import APIRouter

from services.identity.api import clients, demo, directory, oauth, records

ROUTERS: tuple[APIRouter, ...] = (records.router, directory.router, clients.router, oauth.router, demo.router)
