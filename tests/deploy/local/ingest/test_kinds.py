"""What a file is follows from its content, whatever its name."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest

from deploy.local.ingest.kinds import Kind, items_of, kind_of
from deploy.local.platform.mllp import MllpError, acknowledgement_in
from tests.infra.records.xdms import PDF, zip_of

ORU = b"MSH|^~\\&|SIL|LABO|PFI|ORG|20261001||ORU^R01^ORU_R01|1|P|2.5\rPID|||1\rOBX|1|ED\r"
ARCHIVE = zip_of({"IHE_XDM/SUBSET01/METADATA.XML": b"<a/>"})


def mail(*attachments: tuple[str, bytes], inner: bool = False) -> bytes:
    """Returns a mail, or a mail with a mail attached that has the attachments."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "a@hopital.example", "b@medecin.example", "Envoi"
    message.set_content("Texte inventé")
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    if inner:
        outer = EmailMessage(policy=SMTP)
        outer["From"], outer["Subject"] = "c@hopital.example", "Envoi"
        outer.set_content("Voir ci-joint")
        outer.add_attachment(message)
        return outer.as_bytes()
    return message.as_bytes()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'<?xml version="1.0"?><ClinicalDocument/>', Kind.CDA),
        (b"\xef\xbb\xbf\r\n<ClinicalDocument/>", Kind.CDA),
        ("<ClinicalDocument/>".encode("utf-16"), Kind.CDA),
        (ARCHIVE, Kind.XDM),
        (b' {"type": "transaction", "resourceType" : "Bundle"}', Kind.BUNDLE),
        (b'{"resourceType": "Patient"}', Kind.UNKNOWN),
        (ORU, Kind.HL7_V2),
        (b"\x0b" + ORU + b"\x1c\r", Kind.HL7_V2),
        (b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + ORU, Kind.HL7_V2),
        (b"MSH#^~\\&#A", Kind.HL7_V2),
        (mail(("IHE_XDM.ZIP", ARCHIVE)), Kind.MAIL),
        (b"Return-Path: <a@b.example>\r\nReceived: x\r\n\r\n", Kind.MAIL),
        (PDF, Kind.UNKNOWN),
        (b"MSHX", Kind.UNKNOWN),
        (b"Bonjour : texte", Kind.UNKNOWN),
        (b"", Kind.UNKNOWN),
    ],
)
def test_a_file_is_recognised_by_its_content(content: bytes, kind: Kind) -> None:
    assert kind_of(content) is kind


def test_the_archives_of_a_mail_are_items_of_their_own() -> None:
    other = zip_of({"IHE_XDM/SUBSET01/METADATA.XML": b"<b/>"})
    for content in (mail(("a.zip", ARCHIVE), ("note.txt", b"x"), ("b", other)),):
        assert [(item.kind, item.content, item.number) for item in items_of(content)] == [
            (Kind.XDM, ARCHIVE, 1),
            (Kind.XDM, other, 2),
        ]
    assert [item.content for item in items_of(mail(("a.zip", ARCHIVE), inner=True))] == [ARCHIVE]
    assert [item.kind for item in items_of(mail(("note.txt", b"x")))] == [Kind.MAIL]


@pytest.mark.parametrize("ending", [b"\r", b"\n", b"\r\n"])
def test_each_message_of_a_file_is_an_item_without_framing(ending: bytes) -> None:
    second = ORU.replace(b"|1|P", b"|2|P")
    content = b"FHS|^~\\&|A\r\x0b" + ORU + b"\x1c\r\x0b" + second + b"\x1c\rFTS|1\r"
    assert [item.content for item in items_of(content.replace(b"\r", ending))] == [ORU, second]


def test_a_spoiled_mail_is_no_crash() -> None:
    content = mail(("a.zip", ARCHIVE))
    for at in range(0, len(content), 7):
        spoiled = content[:at] + b"\xff\0=?\r\n--" + content[at + 5 :]
        assert items_of(spoiled)


def test_an_acknowledgement_is_read_with_its_codes() -> None:
    answer = b"\x0bMSH|^~\\&|A\rMSA|AE|1\rERR|||207^Application^HL70357|E|902^x^HL70533\r\x1c\r"
    acknowledgement = acknowledgement_in(answer)
    assert (acknowledgement.code, acknowledgement.errors) == ("AE", ("902",))
    assert acknowledgement_in(b"\x0bMSH|^~\\&|A\rMSA|AA|1\r\x1c\r").is_accepted
    for nothing in (b"\x0b\x1c\r", b"\x0bMSH\r\x1c\r", b"\xff"):
        with pytest.raises(MllpError):
            acknowledgement_in(nothing)
