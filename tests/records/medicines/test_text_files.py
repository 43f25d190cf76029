"""Files of text are read in the encoding that their bytes show, and a damaged line costs no other one."""

from pathlib import Path

import pytest

from services.records.medicines.adapters.text_files import TextLine, inspect_file, read_lines
from shared.delimited import MAX_LINE_BYTES


def lines_of(path: Path, content: bytes) -> tuple[str, list[TextLine]]:
    path.write_bytes(content)
    encoding = inspect_file(path).encoding
    return encoding, list(read_lines(path, encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_the_encoding_is_recognised(tmp_path: Path, encoding: str) -> None:
    shown, lines = lines_of(tmp_path / "a", "gélule\r\nl’œil\r\r\n\r\n".encode(encoding))
    assert shown == encoding
    assert [(line.number, line.text) for line in lines] == [(1, "gélule"), (2, "l’œil")]


def test_bytes_that_windows_1252_does_not_have_are_latin_1(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "a", b"\xe9\x81\n")[0] == "latin-1"
    assert lines_of(tmp_path / "b", b"plain\n")[0] == "utf-8"
    assert lines_of(tmp_path / "c", b"")[1] == []


def test_a_mark_of_the_byte_order_is_no_text(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "a", "\ufeffpremière\n".encode())[1] == [TextLine(1, "première")]


def test_a_damaged_line_among_others_is_left_out_with_its_reason(tmp_path: Path) -> None:
    content = "bébé\nthé\n".encode() + b"th\xe9\nnul\0\n" + b"x" * (MAX_LINE_BYTES + 5) + b"\nfin"
    encoding, lines = lines_of(tmp_path / "a", content)
    assert encoding == "utf-8"
    assert [line.reason for line in lines] == [
        None,
        None,
        "line-not-decoded",
        "line-not-decoded",
        "line-too-long",
        None,
    ]
    assert lines[-1] == TextLine(6, "fin")
