"""What all texts to patients keep: they name the service, say the same in both languages, and fit an SMS."""

from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import SMTP
from itertools import product
from string import Formatter
from typing import Any, NamedTuple, get_args
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.notify.alerts.adapters import alert_mail, alert_texts, sms_text
from services.notify.app import make_sender
from services.notify.contacts.domain import Contact, Relation
from services.notify.delivery.adapters.sms import SmsParts, sms_parts
from services.notify.kit.kinds import ALWAYS_SENT_KINDS, AlertKind, Language
from services.notify.kit.sender import NO_BREAK_SPACE, SenderDetails, typeset
from services.notify.messages.adapters.texts import message_kinds, outgoing_message, render_message
from services.notify.messages.domain import MessageContent, MessageRequest
from services.notify.settings import PublicServiceSettings, Settings
from shared.runtime.settings import settings_complaint
from tests.infra.notify.notify import KEYRING_TEXT, PUBLIC_SERVICE, SENDER, settings
from tests.infra.platform.databases import Database
from tests.notify.messages.test_texts import LONGEST, NOW, TO, TRACE, VARIANTS

LONGEST_SENDER = SenderDetails(
    "DMP <a@b.example>", "M" * 30, "Mon DMP 974", "dossier-medical-974.services-public.demo", "+262 262 99 00 00"
)
TWO_PARTS = {"activation-code"}
LANGUAGES = get_args(Language)


class Pair(NamedTuple):
    """One text in both languages."""

    name: str
    fr: str
    en: str


def pairs() -> Iterator[Pair]:
    """Every text of messages and alerts."""
    for name, kind in message_kinds().items():
        yield Pair(f"{name}.subject", kind.fr.subject, kind.en.subject)
        yield Pair(f"{name}.sms", kind.fr.sms or "", kind.en.sms or "")
        for number, (french, english) in enumerate(zip(kind.fr.lines, kind.en.lines, strict=True)):
            yield Pair(f"{name}.{number}", french, english)
    texts = alert_texts()
    for table, (kind, relation) in product(
        (texts.single, texts.several), product(get_args(AlertKind), get_args(Relation))
    ):
        if (kind, "fr", relation) in table:
            french_text, english_text = table[kind, "fr", relation], table[kind, "en", relation]
            yield Pair(f"{kind}.{relation}.subject", french_text.subject, english_text.subject)
            yield Pair(f"{kind}.{relation}.sms", french_text.sms or "", english_text.sms or "")
            for number, (french, english) in enumerate(zip(french_text.lines, english_text.lines, strict=True)):
                yield Pair(f"{kind}.{relation}.{number}", french, english)
    for field in ("safety", "switchable", "always_sent"):
        yield Pair(field, getattr(texts.notices["fr"], field), getattr(texts.notices["en"], field))


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


def rendered(kind: str, channel: Any, language: Any, sender: SenderDetails = SENDER) -> str:
    """The text of a message as its reader sees it, with the sender of a mail."""
    request = MessageRequest(uuid4(), None, channel, kind, "sealed", NOW, None, TRACE)
    body = outgoing_message(request, MessageContent(TO[channel], language, LONGEST), sender, TRACE, NOW).body
    return plain(body) if channel == "mail" else body.decode()


def plain(body: bytes) -> str:
    mail = BytesParser(policy=SMTP).parsebytes(body)
    part = mail.get_body(("plain",))
    assert part is not None
    return f"{mail['from']}\n{mail['subject']}\n{part.get_content()}"


@pytest.mark.parametrize("pair", list(pairs()), ids=lambda pair: pair.name)
def test_french_and_english_use_the_same_values_and_as_many_sentences(pair: Pair) -> None:
    assert placeholders(pair.fr) == placeholders(pair.en)
    assert bool(pair.fr) == bool(pair.en)
    assert ("rien à faire" in pair.fr) == ("nothing to do" in pair.en)
    assert ("mot de passe" in pair.fr) == ("password" in pair.en)


def test_a_closed_record_takes_no_document_from_anybody_in_either_language() -> None:
    kind = message_kinds()["record-closed"]
    assert (
        "Personne d'autre que vous ne peut plus le consulter, et plus personne ne peut y ajouter de document"
        in (kind.fr.lines[0])
    )
    assert "Nobody but you can consult it any more, and nobody can add a document to it" in kind.en.lines[0]


@pytest.mark.parametrize(("kind", "channel", "language"), VARIANTS)
def test_each_message_names_the_service_its_site_and_its_telephone(kind: str, channel: str, language: str) -> None:
    text = " ".join(rendered(kind, channel, language).replace(NO_BREAK_SPACE, " ").split())
    if channel == "sms":
        assert SENDER.short_name in text
    else:
        assert {SENDER.name, SENDER.site, SENDER.telephone} <= {part for part in values(SENDER) if part in text}
    assert "support" not in text


def values(sender: SenderDetails) -> set[str]:
    return set(sender.values().values())


@pytest.mark.parametrize(("language", "relation"), list(product(LANGUAGES, get_args(Relation))))
@pytest.mark.parametrize("kind", get_args(AlertKind))
def test_each_alert_names_the_service_and_says_where_to_go_without_a_link(
    kind: Any, language: Any, relation: Any
) -> None:
    mail = alert_mail(kind, Contact("someone@mail.example", language, relation), SENDER, uuid4(), TRACE, NOW)
    text = plain(mail)
    assert {SENDER.name, SENDER.site, SENDER.telephone} <= {part for part in values(SENDER) if part in text}
    assert "://" not in text
    if kind in ALWAYS_SENT_KINDS:
        assert sms_text(kind, Contact(None, language, relation), SENDER).startswith(SENDER.short_name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_activation_letter_says_where_to_go_how_long_and_what_to_do_if_it_was_not_asked_for(language: str) -> None:
    letter = " ".join(rendered("activation-code", "letter", language).split())
    wanted = {
        "fr": ("allez sur dmp.example", "valable jusqu'au 30 septembre 2026", "Si vous n'avez pas demandé ce code"),
        "en": ("go to dmp.example", "valid until 30 September 2026", "If you did not ask for this code"),
    }[language]
    assert all(part in letter for part in (*wanted, "01 99 00 00 00"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, SmsParts("GSM-7", 160, 1)),
        ("é" * 161, SmsParts("GSM-7", 161, 2)),
        ("a" * 306, SmsParts("GSM-7", 306, 2)),
        ("a" * 307, SmsParts("GSM-7", 307, 3)),
        ("ê" * 70, SmsParts("UCS-2", 70, 1)),
        ("ê" * 71, SmsParts("UCS-2", 71, 2)),
        ("\N{GRINNING FACE}" * 35, SmsParts("UCS-2", 70, 1)),
    ],
)
def test_an_sms_is_counted_in_parts_of_its_alphabet(text: str, parts: SmsParts) -> None:
    assert sms_parts(text) == parts


@pytest.mark.parametrize(
    ("kind", "language"), [(kind, language) for kind, channel, language in VARIANTS if channel == "sms"]
)
def test_an_sms_fits_with_the_longest_values_and_the_longest_name_of_a_service(kind: str, language: Any) -> None:
    content = MessageContent(TO["sms"], language, LONGEST)
    [sms] = render_message(kind, "sms", content, LONGEST_SENDER).paragraphs
    parts = sms_parts(sms)
    assert (parts.alphabet, parts.count) == ("GSM-7", 2 if kind in TWO_PARTS else 1), f"{parts}: {sms}"


@pytest.mark.parametrize("kind", ALWAYS_SENT_KINDS)
@pytest.mark.parametrize(("language", "relation"), list(product(LANGUAGES, get_args(Relation))))
def test_an_alert_by_sms_fits_with_the_longest_name_of_a_service(kind: Any, language: Any, relation: Any) -> None:
    parts = sms_parts(sms_text(kind, Contact(None, language, relation), LONGEST_SENDER))
    assert (parts.alphabet, parts.count) == ("GSM-7", 1), parts


def test_french_signs_of_two_parts_keep_to_their_word_and_english_is_left_alone() -> None:
    assert typeset("Objet : « oui » ; non ! Qui ?", "fr") == ("Objet\xa0: «\xa0oui\xa0»\xa0; non\xa0! Qui\xa0?")
    assert typeset("To object : now ?", "en") == "To object : now ?"
    assert "est\xa0:" in rendered("sign-in-code", "mail", "fr")
    assert "question\xa0?" in rendered("sign-in-code", "mail", "fr")
    assert NO_BREAK_SPACE not in rendered("sign-in-code", "mail", "en")


@pytest.mark.parametrize(("count", "french", "english"), [(2, "2", "2"), (1234, "1\u202f234", "1,234")])
def test_numbers_are_written_as_readers_write_them(count: int, french: str, english: str) -> None:
    for language, number in (("fr", french), ("en", english)):
        contact = Contact("a@b.example", language, "holder")  # type: ignore[arg-type]
        assert f"{number} n" in plain(alert_mail("document", contact, SENDER, uuid4(), TRACE, NOW, count))


async def test_mails_come_from_the_service_unless_their_sender_has_another_name(database: Database) -> None:
    named = make_sender(settings(database, None))
    unnamed = make_sender(settings(database, None, sender="no-reply@dmp.example"))
    accented = settings(database, None, sender="no-reply@dmp.example").model_copy(
        update={"service": PUBLIC_SERVICE.model_copy(update={"name": "Santé, à vous"})}
    )
    contact = Contact("someone@mail.example", "fr", "holder")
    mail = alert_mail("document", contact, make_sender(accented), uuid4(), TRACE, NOW)
    assert (named.mailbox, unnamed.mailbox) == ("DMP <no-reply@dmp.example>", "DMP de test <no-reply@dmp.example>")
    [address] = BytesParser(policy=SMTP).parsebytes(mail)["from"].addresses
    assert (address.display_name, address.addr_spec) == ("Santé, à vous", "no-reply@dmp.example")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x"),
        ("name", "DMP\r\nBcc: x@y.example"),
        ("sender_name", "Mon espace santé"),
        ("sender_name", "D" * 12),
        ("site", "https://dmp.example"),
        ("site", "dmp"),
        ("telephone", "call us"),
    ],
)
def test_a_name_site_or_telephone_that_no_text_can_use_stops_the_start(field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        PublicServiceSettings.model_validate({**PUBLIC_SERVICE.model_dump(), field: value})


def test_a_deployment_that_does_not_say_who_it_is_does_not_start_and_is_told_which_settings_it_lacks() -> None:
    values: dict[str, Any] = {
        "postgres": {"dsn": "postgresql://127.0.0.1"},
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "keys": {"contacts": KEYRING_TEXT},
    }
    values |= {"tokens": {"issuer": "http://x", "jwks_url": "https://x"}, "folders": {"sms": "x", "letters": "x"}}
    values |= {"gateways": {"sms_certificate_file": "x", "letters_certificate_file": "x"}}
    values |= {"smtp": {"host": "127.0.0.1", "port": 25, "sender": "x@y.example"}}
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    assert settings_complaint(caught.value, Settings) == "; ".join(
        f"NOTIFY_SERVICE__{name} is missing" for name in ("NAME", "SENDER_NAME", "SITE", "TELEPHONE")
    )
