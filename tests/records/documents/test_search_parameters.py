"""The parameters of a search, whatever form they come in."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.records.documents.api.search import parse_query
from services.records.kit.forms import SearchError, parse_form
from tests.infra.records.records_api import RING

RECORD = UUID("11111111-1111-4111-8111-111111111111")


@given(st.binary(max_size=300))
def test_no_form_whatever_breaks_the_search(form: bytes) -> None:
    try:
        query = parse_query(RING, parse_form(form))
    except SearchError:
        return
    assert 1 <= query.count <= 100
    assert query.statuses


def test_the_parameters_of_a_search() -> None:
    query = parse_query(
        RING, parse_form(b"patient.identifier=urn:oid:1.2.250.1.213.1.4.10|279035121518989&status=current")
    )
    assert query.record_id is None
    assert [ins_fingerprint.partition(".")[0] for ins_fingerprint in query.ins_fingerprints] == ["hmac-2", "hmac-1"]
    assert (query.count, query.statuses) == (50, frozenset({"current"}))
    query = parse_query(RING, {"patient": f"Patient/{RECORD}", "status": "superseded", "_count": "5000"})
    assert (query.record_id, query.count, query.statuses) == (RECORD, 100, frozenset({"superseded"}))
