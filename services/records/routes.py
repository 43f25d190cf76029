"""The routes of records: those of the API, and those of the pages."""

from services.records.certificates.api import certificates, publication
from services.records.clinical_facts import api as clinical_facts
from services.records.deposits import pages as own_documents
from services.records.deposits.api import cda, deposits, personal, xdm
from services.records.documents.api import changes, fhir, overview
from services.records.documents.pages import document as document_page
from services.records.documents.pages import lists as document_lists
from services.records.exports import api as exports
from services.records.measures.api import fhir as observations
from services.records.measures.api import measures
from services.records.quarantine import api as quarantine
from services.records.record_check import api as record_check
from services.records.recovery import api as recovery
from services.records.reimbursements.api import fhir as benefits
from services.records.reimbursements.api import history
from services.records.results import api as results
from services.records.results.pages import results as result_pages
from services.records.statements import api as statements
from services.records.summary import pages as summary_page
from services.records.summary.api import sheets, signatures
from services.records.tracking import api as tracking
from services.records.warnings import api as warnings
from services.records.what_if import api as what_if

ROUTERS = (
    changes.router,
    deposits.router,
    cda.router,
    xdm.router,
    personal.router,
    fhir.router,
    record_check.router,
    tracking.router,
    recovery.router,
    what_if.router,
    quarantine.router,
    overview.router,
    history.router,
    benefits.router,
    measures.router,
    observations.router,
    statements.router,
    exports.router,
    sheets.router,
    signatures.router,
    certificates.router,
    publication.router,
    clinical_facts.router,
    results.router,
    warnings.router,
)
PAGE_ROUTERS = (
    document_lists.router,
    document_page.router,
    own_documents.router,
    result_pages.router,
    summary_page.router,
)
ROOMS_WITH_PAGES = ("documents", "deposits", "results", "summary")
