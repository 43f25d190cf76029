"""The header of a whole tree says the same as the header that the check of the XML reads."""

from uuid import uuid4

import pytest

from shared.cda.body import BodyLimits, read_document, summary_in
from shared.cda.xml import check_xml
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda

PARENT = '<parentDocument><id root="1.2.3"/></parentDocument>'
CHANGES: list[dict[str, str]] = [
    {},
    {"ins": ""},
    {"given_name": "", "birth_name": ""},
    {"birth_name": "D&#8217;EXEMPLE <!-- x --> DEUX"},
    {"relation": f'<relatedDocument typeCode="RPLC">{PARENT}</relatedDocument>'},
    {"sex": "UN", "birth_date": "2026"},
]


@pytest.mark.parametrize("changes", CHANGES)
def test_both_readers_of_a_header_agree(changes: dict[str, str]) -> None:
    content = a_cda(Person(41), uuid4(), replaces=None, **changes)
    document = read_document(content, BodyLimits(), lambda: None)
    assert summary_in(document) == check_xml(content)
