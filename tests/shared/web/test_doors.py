"""The session's cookies, other origins, prefetches, errors and languages of pages."""

import time
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from shared.web.session import Holder, holder_cookie
from tests.infra.http.tokens import bearer, make_token, patient_token
from tests.shared.web.conftest import SENT, cookies

RECORD = uuid4()
PATH = f"/dossier/{RECORD}/documents"
OWN = {"sec-fetch-site": "same-origin"}


def token(seconds: int = 300, record_id: object = RECORD, **claims: Any) -> str:
    return make_token("patient", str(record_id), record_id=record_id, exp=int(time.time()) + seconds, **claims)


async def test_a_page_knows_its_reader_by_the_cookie_alone(client: httpx2.AsyncClient) -> None:
    answer = await client.get(PATH, headers=cookies(access=token()))
    assert answer.status_code == 200
    assert f"&lt;patient {RECORD}&gt;" in answer.text
    assert (await client.get(PATH, headers=bearer(token()))).status_code == 303


async def test_a_page_is_stored_by_nobody_and_runs_no_script_of_others(client: httpx2.AsyncClient) -> None:
    headers = (await client.get("/aide")).headers
    assert headers["cache-control"] == "no-store"
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")


@pytest.mark.parametrize("sent", [{}, {"access": token(-60)}, {"access": "x.y.z"}], ids=["none", "expired", "broken"])
async def test_without_a_valid_token_a_page_goes_by_the_session(
    client: httpx2.AsyncClient, sent: dict[str, str]
) -> None:
    answer = await client.get(f"{PATH}?titre=bilan", headers=cookies(**sent) if sent else {})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/session/continue?to=%2Fdossier%2F{RECORD}%2Fdocuments%3Ftitre%3Dbilan"


async def test_a_token_that_renewing_would_not_help_is_an_error_and_no_circle(client: httpx2.AsyncClient) -> None:
    answer = await client.get(PATH, headers=cookies(access=token(aud="another")))
    assert (answer.status_code, "location" in answer.headers) == (401, False)
    assert "Connectez-vous" in answer.text


async def test_what_was_typed_too_late_is_kept_and_sent_again_from_the_same_service(client: httpx2.AsyncClient) -> None:
    form = {"motif": 'douleur "vive" <b>', "form-id": "1"}
    answer = await client.post(PATH, data=form, headers={**cookies(access=token(-60)), **OWN})
    assert answer.status_code == 401
    assert 'name="motif" value="douleur &#34;vive&#34; &lt;b&gt;"' in answer.text
    assert f'action="{PATH}"' in answer.text
    assert "/session/renew" in answer.text


async def test_a_form_of_this_origin_is_taken(client: httpx2.AsyncClient) -> None:
    SENT.clear()
    for own in (OWN, {"origin": "http://dmp.test"}):
        answer = await client.post(PATH, data={"a": " b "}, headers={**cookies(access=token()), **own})
        assert (answer.status_code, answer.headers["location"]) == (303, "/dossier/done")
    assert [form.text("a") for form in SENT] == ["b", "b"]


@pytest.mark.parametrize(
    "foreign",
    [
        {},
        {"sec-fetch-site": "cross-site", "origin": "http://dmp.test"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://evil.test"},
        {"origin": "null"},
    ],
    ids=str,
)
async def test_a_form_of_another_origin_does_nothing(client: httpx2.AsyncClient, foreign: dict[str, str]) -> None:
    SENT.clear()
    answer = await client.post(PATH, data={"a": "b"}, headers={**cookies(access=token()), **foreign})
    assert (answer.status_code, SENT) == (403, [])
    assert "other-origin" in answer.text


@pytest.mark.parametrize("header", ["sec-purpose", "purpose"])
async def test_a_prefetch_is_refused(client: httpx2.AsyncClient, header: str) -> None:
    answer = await client.get(PATH, headers={**cookies(access=token()), header: "prefetch;prerender"})
    assert (answer.status_code, "prefetch-refused" in answer.text) == (503, True)


async def test_the_token_of_acting_counts_where_it_belongs_to_the_same_session(client: httpx2.AsyncClient) -> None:
    session, other = str(uuid4()), uuid4()
    own, acting = token(sid=session), token(record_id=other, sid=session)
    assert str(other) in (await client.get(PATH, headers=cookies(access=own, acting=acting))).text
    planted = token(record_id=other, sid=str(uuid4()))
    assert str(other) not in (await client.get(PATH, headers=cookies(access=own, acting=planted))).text
    late = token(-60, record_id=other, sid=session)
    assert (await client.get(PATH, headers=cookies(access=own, acting=late))).status_code == 303


async def test_errors_of_pages_are_pages_in_the_words_of_the_api(client: httpx2.AsyncClient) -> None:
    french = await client.get("/aide/hidden")
    assert (french.status_code, french.headers["content-language"]) == (404, "fr")
    assert "Il n’y a rien ici, ou rien que vous puissiez voir." in french.text
    english = await client.get("/aide/hidden", headers={"accept-language": "en-GB"})
    assert "nothing that you may see" in english.text
    assert 'lang="en"' in english.text
    assert french.elapsed.total_seconds() >= 0.1, "after the same fixed delay"


async def test_what_goes_wrong_inside_is_a_page_without_its_words(client: httpx2.AsyncClient) -> None:
    for path, status in (("/aide/broken", 500), ("/dossier/nowhere", 404)):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert "secret" not in answer.text
        assert "<h1>Cette page ne peut pas s’afficher</h1>" in answer.text
    assert (await client.get("/records")).headers["content-type"] == "application/problem+json"


async def test_the_readers_choice_of_language_stays(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/aide?lang=en")
    assert 'lang="en"' in answer.text
    assert "lang=en" in answer.headers["set-cookie"]
    assert 'lang="en"' in (await client.get("/aide", headers=cookies(lang="en"))).text
    assert 'lang="fr"' in (await client.get("/aide", headers={"accept-language": "de"})).text


async def test_the_header_says_whose_record_it_is(client: httpx2.AsyncClient) -> None:
    holder = holder_cookie(Holder("Éloïse INVENTÉE", "child"))
    answer = await client.get(PATH, headers=cookies(access=patient_token(RECORD), holder=holder))
    assert "Vous agissez pour votre enfant\N{NO-BREAK SPACE}: Éloïse INVENTÉE" in answer.text
    assert "INVENTÉE" not in answer.text.partition("<title>")[2].partition("</title>")[0]
    for broken in ("", "AAAA", "eyJuYW1lIjoxfQ"):
        assert (await client.get(PATH, headers=cookies(access=token(), holder=broken))).status_code == 200


async def test_a_page_late_in_the_life_of_its_token_renews_it(client: httpx2.AsyncClient) -> None:
    assert "data-renew" not in (await client.get(PATH, headers=cookies(access=token(280)))).text
    assert "data-renew" in (await client.get(PATH, headers=cookies(access=token(100)))).text


async def test_a_part_has_no_frame(client: httpx2.AsyncClient) -> None:
    part = await client.get("/aide", headers={"x-part": "1"})
    assert part.text.split() == ["<h2>A", "page</h2>", "<p>help</p>"]


async def test_only_what_no_other_site_asked_for_is_compressed(client: httpx2.AsyncClient) -> None:
    zipped = {"accept-encoding": "gzip"}
    for site, is_compressed in (("none", True), ("same-origin", True), ("cross-site", False), ("same-site", False)):
        answer = await client.get("/aide", headers={**zipped, "sec-fetch-site": site})
        assert ("content-encoding" in answer.headers) is is_compressed
    assert "content-encoding" not in (await client.get("/aide", headers=zipped)).headers


async def test_the_style_keeps_for_ever_and_another_release_of_it_does_not(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/aide")).text
    url = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert "immutable" in (await client.get(url)).headers["cache-control"]
    assert (await client.get("/static/dmp.000000000000.css")).headers["cache-control"] == "no-store"
    for strange in ("dmp.css", "none.000000000000.css", "..%2fpages.py"):
        assert (await client.get(f"/static/{strange}")).status_code == 404
