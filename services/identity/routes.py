"""The routes of identity: those of the API, and those of the pages."""

from services.identity.accounts.api import accounts, sessions
from services.identity.accounts.pages import credentials, devices
from services.identity.browser_sessions.pages import forgotten, home, professional, session, sign_in
from services.identity.campaigns import api as campaigns
from services.identity.clients.api import clients
from services.identity.contact_changes import api as contact_changes
from services.identity.contact_changes import pages as account_pages
from services.identity.demo import api as demo
from services.identity.demo import pages as demo_pages
from services.identity.directory import api as directory
from services.identity.erasure import api as erasures
from services.identity.figures import api as figures
from services.identity.lifecycle import pages as closing_pages
from services.identity.lifecycle.api import lifecycle, links
from services.identity.oauth import api as oauth
from services.identity.openings import pages as opening_pages
from services.identity.openings.api import openings, records, represented
from services.identity.professionals import api as professionals
from services.identity.relations.api import carers, people
from services.identity.relations.pages import invitations
from services.identity.relations.pages import people as people_pages

ROUTERS = (
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
PAGE_ROUTERS = (
    home.router,
    session.router,
    sign_in.router,
    forgotten.router,
    professional.router,
    account_pages.router,
    devices.router,
    credentials.router,
    people_pages.router,
    invitations.router,
    closing_pages.router,
    opening_pages.router,
    demo_pages.router,
)
ROOMS_WITH_PAGES = ("accounts", "browser_sessions", "contact_changes", "lifecycle", "openings", "relations")
