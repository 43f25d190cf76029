"""The versions of the copies of other services' states."""

from typing import Final

from shared.contracts.declarations import Topic
from shared.contracts.topics import (
    CONSENT_MATRICES,
    CONSENT_STATES,
    IDENTITY_CLIENTS,
    IDENTITY_PEOPLE,
    IDENTITY_PEOPLE_TO_CALL,
    IDENTITY_PROFESSIONALS,
    IDENTITY_RECORDS,
)

SELECT_RECORDS = "select id::text as key, version from records"
SELECT_CHOICES = "select record_id::text as key, version from consent_states"
SELECT_PEOPLE = "select record_id::text as key, version from record_people"
SELECT_MATRICES = "select name as key, version from matrices"
SELECT_PROFESSIONS = "select professional_id as key, version from professions"
SELECT_PEOPLE_TO_CALL = "select record_id::text as key, version from people_to_call"
SELECT_CLIENTS = "select client_id as key, version from clients"
COPIES: Final[dict[Topic, str]] = {
    IDENTITY_RECORDS: SELECT_RECORDS,
    CONSENT_STATES: SELECT_CHOICES,
    IDENTITY_PEOPLE: SELECT_PEOPLE,
    CONSENT_MATRICES: SELECT_MATRICES,
    IDENTITY_PROFESSIONALS: SELECT_PROFESSIONS,
    IDENTITY_CLIENTS: SELECT_CLIENTS,
    IDENTITY_PEOPLE_TO_CALL: SELECT_PEOPLE_TO_CALL,
}
"""SQL for the versions of the copies of each topic."""
