"""What the mails say, and what they never say."""

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from itertools import product
from typing import Any, get_args
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.notify.alerts.adapters import alert_mail, mailbox_of_contact, sms_text
from services.notify.contacts.domain import Contact, Relation
from services.notify.delivery.adapters.sms import sms_parts
from services.notify.delivery.domain import AddressUnusableError
from services.notify.kit.kinds import ALWAYS_SENT_KINDS, AlertKind, Language
from services.notify.kit.sender import NO_BREAK_SPACE
from services.notify.settings import SmtpSettings
from tests.infra.notify.notify import SENDER

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALERT = uuid4()
KINDS = get_args(AlertKind)
VARIANTS: list[Any] = list(product(KINDS, get_args(Language), get_args(Relation)))


def composed(kind: Any, language: Any, relation: Any, count: int = 1) -> EmailMessage:
    contact = Contact("someone@mail.example", language, relation)
    mail = alert_mail(kind, contact, SENDER, ALERT, TRACE, NOW, count)
    return BytesParser(policy=SMTP).parsebytes(mail)


def texts(message: EmailMessage) -> tuple[str, str]:
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content().replace(NO_BREAK_SPACE, " "), html.get_content().replace(NO_BREAK_SPACE, " ")


@pytest.mark.parametrize(("kind", "language", "relation"), VARIANTS)
def test_a_mail_has_the_headers_of_an_automatic_message(kind: str, language: str, relation: str) -> None:
    message = composed(kind, language, relation)
    assert message["message-id"] == f"<{ALERT}@dmp.example>"
    assert message["from"] == "DMP <no-reply@dmp.example>"
    assert message["to"] == "someone@mail.example"
    assert message["date"].datetime == NOW
    assert message["auto-submitted"] == "auto-generated"
    assert message["traceparent"] == TRACE
    assert message["content-language"] == language
    assert message.get_content_type() == "multipart/alternative"
    assert not message.defects


@pytest.mark.parametrize(("kind", "language", "relation"), VARIANTS)
def test_a_mail_is_generic(kind: str, language: str, relation: str) -> None:
    message = composed(kind, language, relation)
    for text in (*texts(message), message["subject"]):
        assert "http" not in text
        assert str(ALERT) not in text
        assert "someone" not in text
        assert not re.search(r"\d", text.replace("utf-8", "").replace("1.5", "").replace(SENDER.telephone, ""))


@pytest.mark.parametrize(("kind", "language", "relation"), VARIANTS)
def test_text_and_html_say_the_same(kind: str, language: str, relation: str) -> None:
    plain, html = texts(composed(kind, language, relation))
    body = html[html.index("<body") :]
    assert plain.split() == re.sub(r"<[^>]+>", " ", body).split()


def test_each_sort_of_mail_has_its_own_words() -> None:
    bodies = {texts(composed(*sort))[0] for sort in VARIANTS}
    assert len(bodies) == len(VARIANTS)
    assert "votre dossier" in texts(composed("document", "fr", "holder"))[0]
    assert "whom you represent" in texts(composed("document", "en", "representative"))[0]


@pytest.mark.parametrize(("kind", "language", "relation"), VARIANTS)
def test_a_mail_offers_to_be_switched_off_only_where_it_can_be(kind: str, language: str, relation: str) -> None:
    plain = texts(composed(kind, language, relation))[0]
    offered = ("You can switch these messages off", "Vous pouvez désactiver ces messages")
    assert any(sentence in plain for sentence in offered) == (kind not in ALWAYS_SENT_KINDS)


GATHERED: dict[tuple[str, str, str], str] = {
    ("document", "fr", "holder"): "{} nouveaux documents ont été ajoutés à votre dossier médical partagé.",
    ("document", "en", "holder"): "{} new documents have been added to your shared medical record.",
    ("document", "fr", "representative"): (
        "{} nouveaux documents ont été ajoutés au dossier médical partagé d'une personne que vous représentez."
    ),
    ("document", "en", "representative"): (
        "{} new documents have been added to the shared medical record of a person whom you represent."
    ),
    ("consultation", "fr", "holder"): (
        "Votre dossier médical partagé a été consulté par des professionnels de santé : {} nouvelles consultations."
    ),
    ("consultation", "en", "holder"): (
        "Health professionals have consulted your shared medical record: {} new consultations."
    ),
    ("consultation", "fr", "representative"): (
        "Le dossier médical partagé d'une personne que vous représentez a été consulté par des professionnels de "
        "santé : {} nouvelles consultations."
    ),
    ("consultation", "en", "representative"): (
        "Health professionals have consulted the shared medical record of a person whom you represent: "
        "{} new consultations."
    ),
}


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize(("kind", "language", "relation"), sorted(GATHERED))
def test_a_gathered_mail_says_how_many_and_nothing_else_of_them(
    kind: str, language: str, relation: str, count: int
) -> None:
    mail = composed(kind, language, relation, count)
    plain, html = texts(mail)
    sentence = GATHERED[kind, language, relation].format(count)
    assert plain.splitlines()[2] == sentence
    assert sentence in html
    assert re.findall(r"\d+", plain.replace(SENDER.telephone, "")) == [str(count)]
    assert "http" not in plain
    assert not re.search(r"\d", mail["subject"])
    plural = {"fr": "Nouveaux documents", "en": "New documents"}[language]
    assert kind != "document" or mail["subject"].startswith(plural)


@pytest.mark.parametrize(("kind", "language", "relation"), sorted(GATHERED))
def test_a_mail_about_one_is_in_the_singular(kind: str, language: str, relation: str) -> None:
    plain = texts(composed(kind, language, relation, 1))[0]
    assert plain.splitlines()[2].startswith(
        ("Un nouveau document a", "A new document has", "Un professionnel de santé a", "A health professional has")
    )


@pytest.mark.parametrize(
    ("kind", "language", "relation"),
    [variant for variant in VARIANTS if variant[0] in ALWAYS_SENT_KINDS],
)
def test_the_sms_of_an_emergency_fits_and_is_generic(kind: Any, language: Any, relation: Any) -> None:
    text = sms_text(kind, Contact(None, language, relation, "+33699990001"), SENDER)
    assert sms_parts(text).alphabet == "GSM-7"
    assert sms_parts(text).count == 1
    assert not re.search(r"\d|http", text)


@pytest.mark.parametrize(
    "address",
    [
        "someone@mail.example\r\nBcc: other@mail.example",
        "a b@mail.example",
        "<someone@mail.example>",
        "someone@mail.example,other@mail.example",
        "no-at-sign",
        "@mail.example",
        "someone@",
        "someone@mail.example\0",
        "é@mail.example",
        f"{'a' * 65}@mail.example",
        "",
        None,
    ],
)
def test_an_address_that_could_be_more_than_an_address_is_not_used(address: str | None) -> None:
    with pytest.raises(AddressUnusableError) as caught:
        mailbox_of_contact(Contact(address, "fr", "holder"))
    assert caught.value.__cause__ is None
    assert not address or address not in str(caught.value)


def test_a_domain_with_accents_is_written_as_the_protocol_wants_it() -> None:
    assert mailbox_of_contact(Contact("someone@hôpital.example", "fr", "holder")) == "someone@xn--hpital-ixa.example"


@pytest.mark.parametrize("sender", ["nobody", "a@b.example\r\nBcc: c@d.example", "é@mail.example"])
def test_a_sender_that_is_no_address_is_refused_at_the_start(sender: str) -> None:
    with pytest.raises(ValidationError):
        SmtpSettings(host="localhost", port=25, sender=sender)
