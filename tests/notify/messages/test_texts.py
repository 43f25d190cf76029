"""What codes, notices and letters say in each language and channel, and what they never say."""

import re
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import SMTP
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from services.notify.delivery.adapters.sms import sms_parts
from services.notify.delivery.domain import AddressUnusableError, OutgoingMessage, Skipped, address_lines, e164_number
from services.notify.kit.sender import NO_BREAK_SPACE, SenderDetails
from services.notify.messages.adapters.texts import (
    KindUnknownError,
    message_kinds,
    outgoing_message,
    render_message,
)
from services.notify.messages.domain import (
    DueMessage,
    Expired,
    MessageContent,
    MessageRequest,
    ValuesUnfitError,
    displayed_value,
    message_state_after,
)
from tests.infra.notify.notify import SENDER

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
ID = UUID("0190a1b2-c3da-8000-8000-000000000001")
TO: dict[str, Any] = {
    "mail": "someone@mail.example",
    "sms": "+33699990001",
    "letter": ("Camille EXEMPLE", "1 rue de l'Essai", "75001 PARIS"),
}
LONGEST = {
    "code": "AB12CD34EF56",
    "minutes": "120",
    "hours": "48",
    "valid_until": "2026-09-30T21:59:00Z",
    "deadline": "2026-04-01",
    "url": "https://monespacesante.example/objection",
    "when": "2026-07-01T12:05:00+00:00",
    "device": "Firefox 131.0 (Ubuntu)",
}
LONG_SENDER = SenderDetails("a@b.example", "x" * 30, "x" * 11, "s" * 40, "0" * 20)
WITH_LETTER = {
    *("activation-code", "opening-notice", "record-opened", "record-closed", "record-reopened", "contact-changed"),
    *("password-changed", "carer-invitation", "carer-answered", "representation-added", "representation-ended"),
    *("coming-of-age", "contact-proposed", "representation-requested"),
}
NO_SMS = {"opening-notice"}
LINKED = {"opening-notice", "contact-proposed"}
KINDS = WITH_LETTER | {
    *("sign-in-code", "opening-code", "password-reset-code", "new-device", "contact-change-code", "account-locked"),
    *("session-ended", "contact-pending"),
}
VALUES_OF: dict[str, set[str]] = {
    "sign-in-code": {"code", "minutes"},
    "opening-code": {"code", "hours"},
    "activation-code": {"code", "valid_until"},
    "opening-notice": {"deadline", "url"},
    "password-reset-code": {"code", "minutes"},
    "new-device": {"when", "device"},
    "contact-change-code": {"code", "minutes"},
    "carer-invitation": {"code", "valid_until"},
    "contact-proposed": {"code", "when", "url"},
    "contact-pending": {"when"},
}
VARIANTS: list[Any] = [
    (kind, channel, language)
    for kind, channel, language in product(sorted(KINDS), ("mail", "sms", "letter"), ("fr", "en"))
    if not (channel == "sms" and kind in NO_SMS) and not (channel == "letter" and kind not in WITH_LETTER)
]


def message_for(kind: str, channel: Any, language: Any, **values: str) -> OutgoingMessage:
    request = MessageRequest(ID, None, channel, kind, "sealed", NOW, None, TRACE)
    content = MessageContent(TO[channel], language, {**LONGEST, **values})
    return outgoing_message(request, content, SENDER, TRACE, NOW)


def text_of(kind: str, channel: str, language: str, **values: str) -> str:
    body = message_for(kind, channel, language, **values).body
    if channel != "mail":
        return body.decode()
    message = BytesParser(policy=SMTP).parsebytes(body)
    plain = message.get_body(("plain",))
    assert plain is not None
    return f"{message['subject']}\n{plain.get_content()}".replace(NO_BREAK_SPACE, " ")


def test_the_kinds_are_these() -> None:
    assert message_kinds().keys() == KINDS
    assert {name for name, kind in message_kinds().items() if kind.has_letter} == WITH_LETTER
    assert {name for name, kind in message_kinds().items() if not kind.supports("sms")} == NO_SMS
    assert all((kind.fr.sms is None) == (kind.en.sms is None) for kind in message_kinds().values())
    assert all(len(kind.fr.lines) == len(kind.en.lines) for kind in message_kinds().values())


@pytest.mark.parametrize(("kind", "channel", "language"), VARIANTS)
def test_each_message_is_whole_and_generic(kind: str, channel: str, language: str) -> None:
    text = text_of(kind, channel, language)
    assert "{" not in text
    assert str(ID) not in text
    assert "someone" not in text
    assert ("http" in text) == (kind in LINKED and channel != "sms")
    if "code" in VALUES_OF.get(kind, ()):
        assert "AB12 CD34 EF56" in text
    else:
        assert "AB12" not in text
    remainder = re.sub(r"AB12 CD34 EF56|https\S+|Firefox 131.0", "", text)
    months = ("mars", "avril", "juillet", "octobre") if language == "fr" else ("March", "April", "July", "October")
    if channel == "letter" or (channel == "mail" and VALUES_OF.get(kind, set()) & {"when", "deadline", "valid_until"}):
        assert any(month in remainder for month in months) or "septembre" in remainder or "September" in remainder


@pytest.mark.parametrize(("kind", "channel", "language"), [sort for sort in VARIANTS if sort[1] == "sms"])
def test_an_sms_is_in_the_short_alphabet_and_begins_with_its_sender(kind: str, channel: Any, language: Any) -> None:
    text = render_message(kind, channel, MessageContent(TO["sms"], language, LONGEST), SENDER)
    [sms] = text.paragraphs
    assert sms_parts(sms).alphabet == "GSM-7"
    assert sms.startswith("DMP")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_subject_tells_a_lock_screen_no_code(language: str) -> None:
    for kind in KINDS:
        assert not re.search(r"\d|\{", message_kinds()[kind].text(language).subject)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "names"), sorted(VALUES_OF.items()))
def test_a_value_that_is_missing_makes_the_message_unusable(kind: str, names: set[str]) -> None:
    for missing in names:
        values = {name: value for name, value in LONGEST.items() if name != missing}
        with pytest.raises(ValuesUnfitError) as caught:
            render_message(kind, "mail", MessageContent(TO["mail"], "fr", values), SENDER)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "12"),
        ("code", "123456\r\nBcc: x@mail.example"),
        ("code", "123456\n"),
        ("code", "<b>1234</b>"),
        ("code", "١٢٣٤٥٦"),
        ("code", "1" * 65),
        ("minutes", "0"),
        ("minutes", "10 "),
        ("minutes", "ten"),
        ("hours", "1000"),
        ("deadline", "tomorrow"),
        ("deadline", "2026-13-01"),
        ("valid_until", "2026-03-01T12:00:00"),
        ("when", ""),
        ("url", "http://monespacesante.example"),
        ("url", "javascript:alert(1)"),
        ("url", "https://user@evil.example/"),
        ("url", "https://dmp.example/?ins=1"),
        ("url", "https://dmp.example/\r\nX: y"),
    ],
)
def test_a_value_that_is_not_what_it_should_be_is_refused_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(ValuesUnfitError) as caught:
        displayed_value(name, value, "fr", short=False)
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "french", "english", "short"),
    [
        ("code", "123456", "123 456", "123 456", "123 456"),
        ("code", "12345678", "1234 5678", "1234 5678", "1234 5678"),
        ("code", "ABCD-EFGH", "ABCD-EFGH", "ABCD-EFGH", "ABCD-EFGH"),
        ("deadline", "2026-08-01", "1 août 2026", "1 August 2026", "01/08/2026"),
        ("when", "2026-07-01T12:05:00Z", "1 juillet 2026 à 14:05", "1 July 2026 at 14:05", "01/07/2026 14:05"),
        ("when", "2026-01-31T23:30:00Z", "1 février 2026 à 00:30", "1 February 2026 at 00:30", "01/02/2026 00:30"),
        ("when", "2026-07-01 12:05 UTC", "1 juillet 2026 à 14:05", "1 July 2026 at 14:05", "01/07/2026 14:05"),
        ("device", "Chrome 120.1, Windows", "Chrome 120.1, Windows", "Chrome 120.1, Windows", "Chrome 120.1, Windows"),
        ("device", "see http://evil.example/x\r\nBcc: a@b", *["see http evil example x Bcc a b"] * 3),
        ("device", "<script>", "script", "script", "script"),
        ("device", "\u202e\x00", "inconnu", "unknown", "unknown"),
    ],
)
def test_values_are_shown_for_people(name: str, value: str, french: str, english: str, short: str) -> None:
    assert displayed_value(name, value, "fr", short=False).replace(NO_BREAK_SPACE, " ") == french
    assert displayed_value(name, value, "en", short=False).replace(NO_BREAK_SPACE, " ") == english
    assert displayed_value(name, value, "en", short=True).replace(NO_BREAK_SPACE, " ") == short


def test_a_device_is_cut_and_never_silences_the_warning() -> None:
    assert len(displayed_value("device", "x" * 5000, "fr", short=False)) == 60


@pytest.mark.parametrize(("kind", "channel"), [("x", "mail"), ("opening-notice", "sms"), ("sign-in-code", "letter")])
def test_a_kind_without_a_text_for_the_channel_is_unknown(kind: str, channel: Any) -> None:
    with pytest.raises(KindUnknownError):
        render_message(kind, channel, MessageContent(TO[channel], "fr", LONGEST), SENDER)


def test_a_code_too_long_for_two_parts_of_an_sms_is_refused() -> None:
    with pytest.raises(ValuesUnfitError):
        render_message(
            "activation-code", "sms", MessageContent(TO["sms"], "fr", {**LONGEST, "code": "A" * 64}), LONG_SENDER
        )


def test_a_letter_looks_like_this() -> None:
    assert text_of("opening-notice", "letter", "fr") == (
        "Camille EXEMPLE\n1 rue de l'Essai\n75001 PARIS\n\n2 mars 2026\n\n"
        "Objet : Ouverture de votre dossier médical partagé\n\nBonjour,\n\n"
        "Un dossier médical partagé sera ouvert à votre nom, sauf si vous vous y\n"
        "opposez au plus tard le 1 avril 2026.\n\n"
        "Pour vous y opposer : https://monespacesante.example/objection, par\n"
        "téléphone au 01 99 00 00 00, ou par courrier à votre caisse d'assurance\n"
        "maladie. Vous n'avez pas à donner de raison.\n\n"
        "Vous opposer ne change rien à vos remboursements. Vous pourrez changer\n"
        "d'avis à tout moment.\n\n"
        "Sans opposition de votre part, vous n'avez rien à faire.\n\n"
        "Une question ? Allez sur dmp.example ou appelez le 01 99 00 00 00.\n\n"
        "DMP de test\n"
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("06 99 99 00 01", "+33699990001"),
        ("0033699990001", "+33699990001"),
        ("+262 692 99 00 01", "+262692990001"),
        ("0199000001", None),
        ("+0123456789", None),
        ("12", None),
        ("+33699990001\n", "+33699990001"),
        ("0690 99 00 01", "+590690990001"),
        ("+33690990001", "+590690990001"),
        ("+33 (0)6 99 99 00 01", "+33699990001"),
        ("", None),
    ],
)
def test_a_mobile_number_is_written_with_its_country(number: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(AddressUnusableError):
            e164_number(number)
    else:
        assert e164_number(number) == expected


def test_empty_lines_of_an_address_are_left_out() -> None:
    assert address_lines((" Camille EXEMPLE ", "", "75001 PARIS")) == ["Camille EXEMPLE", "75001 PARIS"]


def test_a_message_that_was_put_off_is_looked_at_again_when_it_expires() -> None:
    soon = datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC)
    due = DueMessage(MessageRequest(ID, None, "mail", "sign-in-code", "sealed", NOW, soon, TRACE), 0, NOW)
    assert message_state_after(due, Skipped(), soon) == Expired()
    again = message_state_after(due, Skipped(), NOW)
    assert again != Expired()
