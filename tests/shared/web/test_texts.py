"""Each text exists in both languages and is used; paths of redirects are our own."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from shared.web.formats import FORMATS
from shared.web.languages import LANGUAGES
from shared.web.pages import HEADERS
from shared.web.paths import own_path
from shared.web.texts import read_texts, word

ROOT = Path(__file__).parents[3]
FILES = sorted(path for folder in ("shared/web", "services") for path in (ROOT / folder).rglob("templates/texts.toml"))
KEY = re.compile(r"""["']([a-z][a-z-]*\.[a-z][a-z0-9_-]*)["']""")
MADE = re.compile(r"""["']([a-z][a-z-]*\.[a-z0-9_-]*)["'] ~|f["']([a-z][a-z-]*\.[a-z0-9-]*)\{""")
"""Keys that are made of a beginning and a value."""
PLACES = re.compile(r"\{(\w+)\}")


def sources() -> Iterator[str]:
    for folder in ("shared/web", "services"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".html"):
                yield path.read_text("utf-8")


def package_of(path: Path) -> str:
    return ".".join(path.parents[1].relative_to(ROOT).parts)


def test_each_text_has_both_languages_with_the_same_values() -> None:
    texts = read_texts(map(package_of, FILES))
    assert texts
    for key, text in texts.items():
        assert all(text[language].strip() for language in LANGUAGES), key
        assert {*PLACES.findall(text["fr"])} == {*PLACES.findall(text["en"])}, key
        assert "'" not in text["fr"], f"{key}: French has its own apostrophe"


def test_each_text_is_used_and_each_that_is_used_exists() -> None:
    whole = [*sources()]
    keys = {key for source in whole for key in KEY.findall(source)}
    beginnings = {first or second for source in whole for first, second in MADE.findall(source)}
    texts = read_texts(map(package_of, FILES))
    unused = {key for key in texts if key not in keys and not key.startswith(tuple(beginnings))}
    assert unused == set()
    tables = {key.partition(".")[0] for key in texts}
    missing = {
        match
        for source in whole
        for match in re.findall(r"""\bt\(["']([a-z-]+\.[a-z0-9_-]+)["'][,)]""", source)
        if match not in texts
    }
    assert (missing, len(tables) > 1) == (set(), True)


def test_a_number_chooses_its_form() -> None:
    text = "{n} document|{n} documents"
    assert [word(text, "fr", {"n": n}) for n in (0, 1, 2)] == ["0 document", "1 document", "2 documents"]
    assert [word(text, "en", {"n": n}) for n in (0, 1, 2)] == ["0 documents", "1 document", "2 documents"]


def test_values_are_written_as_the_language_writes_them() -> None:
    french, english = FORMATS["fr"], FORMATS["en"]
    assert (french["day"](date(2026, 3, 1)), english["day"](date(2026, 3, 1))) == ("1 mars 2026", "1 March 2026")
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert french["moment"](at) == "2 juillet 2026 à 00:30"
    assert french["number"](1234.5).replace("\u202f", " ") == "1 234,5"
    assert [english["file_size"](size).replace("\xa0", " ") for size in (20, 4_200, 1_230_000)] == [
        "20 bytes",
        "4 KB",
        "1.2 MB",
    ]
    assert HEADERS["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/dossier/x/documents?titre=a%20b", "/alerte/7"])
def test_a_redirect_leads_to_our_own_pages(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "dossier/x", "//evil.test/dossier", "https://evil.test/", "/\\evil.test", "/dossier/\\evil.test"),
        *("/\t/evil.test", "/dossier/../../evil", "/fhir/metadata", "/records/x", "javascript:alert(1)", "/dossier\n"),
        "/dossier/" + "x" * 3000,
    ],
)
def test_a_redirect_leads_nowhere_else(path: str) -> None:
    assert own_path(path, "/compte") == "/compte"
