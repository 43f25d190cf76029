"""Messages are read by the delimiters that they state; what is absent is the empty text."""

import pytest

from shared.hl7v2.charset import decode
from shared.hl7v2.message import Message, UnreadableMessageError

TEXT = (
    "MSH|^~\\&|A^1.2&ISO|B||D|2026||ORU^R01|7|P|2.5\r"
    'PID|||1^^^X~2^^^Y||""^Z\\S\\T\r\rNTE|1||a\\.br\\b\\X41\\\\H\\c\rOBX|1\rOBX|2\r'
)


def test_fields_components_repetitions_and_subcomponents_count_from_one() -> None:
    message = Message(TEXT)
    assert message.header.value(1) == "|"
    assert message.header.value(2) == ""
    assert message.header.field(2) == "^~\\&"
    assert (message.header.value(3), message.header.value(3, 2), message.header.value(3, 2, 1, 2)) == (
        "A",
        "1.2",
        "ISO",
    )
    pid = message.first("PID")
    assert [pid.value(3, 1, repetition) for repetition in (1, 2, 3)] == ["1", "2", ""]
    assert pid.repetitions(3) == 2
    assert pid.repetitions(9) == 0
    assert pid.value(5) == "", "the null"
    assert pid.value(5, 2) == "Z^T"
    assert pid.value(99, 4, 3) == ""
    assert message.first("ZZZ").value(3) == ""
    assert [segment.value(1) for segment in message.all("OBX")] == ["1", "2"]


def test_escapes_are_resolved_and_formatting_is_dropped() -> None:
    assert Message(TEXT).first("NTE").value(3) == "a\nbAc"
    assert Message("MSH|^~\\&|\\X\\\\XZZ\\\\E\\a\\").header.value(3) == "\\a\\"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_any_line_end_is_read_and_a_broken_line_goes_on(end: str) -> None:
    message = Message(f"MSH|^~\\&|A{end}OBX|1|ED|||^^^^QUJD{end}REVG{end}QUJ{end}NTE|1{end}")
    assert [segment.name for segment in message.segments] == ["MSH", "OBX", "NTE"]
    assert message.first("OBX").raw(5, 5) == "QUJD\nREVG\nQUJ"


def test_other_delimiters_are_those_of_the_header() -> None:
    message = Message("MSH#*˜!@#A*B#C\rPID###1*2˜3@4")
    pid = message.first("PID")
    assert (pid.value(3, 2), pid.value(3, 1, 2, 2)) == ("2", "4")


@pytest.mark.parametrize(
    "text", ["", "MSH", "MSH|", "PID|1", "MSHA^~\\&A", "MSH|^^^^|", "MSH|||", "MSH ^~\\& A", "MSH|^^|A"]
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(UnreadableMessageError):
        Message(text)


@pytest.mark.parametrize(
    ("raw", "text", "name"),
    [
        ("MSH|^~\\&|||||||||||||||8859/15|\réè€".encode(), "éè€", "UNICODE UTF-8"),
        ("MSH|^~\\&||||||||||||||||8859/15|\réè€".encode("iso8859-15"), "éè€", "8859/15"),
        ("MSH|^~\\&||||||||||||||||8859/1|\ré¤".encode("latin-1"), "é¤", "8859/1"),
        ("MSH|^~\\&||||||||||||||||ASCII|\ré€".encode("iso8859-15"), "é€", "8859/15"),
        ("MSH|^~\\&||||||||||||||||klingon|\ré€".encode("iso8859-15"), "é€", "8859/15"),
        ("MSH|\ré€".encode("iso8859-15"), "é€", "8859/15"),
    ],
)
def test_bytes_that_are_utf_8_are_utf_8_whatever_is_declared(raw: bytes, text: str, name: str) -> None:
    decoded = decode(raw)
    assert decoded.text.endswith(text)
    assert decoded.name == name
    assert "\ufffd" not in decoded.text
