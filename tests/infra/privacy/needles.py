"""Finds texts about people in anything an operator may read: as they are, in any case, and in the usual encodings.

The search is grep's, which looks for thousands of words at once.
"""

import base64
import html
import json
import os
import re
import subprocess
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final
from urllib.parse import quote, quote_plus

from deploy.local.demo.people import BIRTH_NAMES, GIVEN_NAMES
from deploy.local.platform.paths import REPOSITORY
from shared.values import ins_key

DOCUMENTS: Final = REPOSITORY / "deploy" / "local" / "demo" / "documents"
SHORT: Final = 8
"""Words of fewer characters occur by chance within encrypted text: they count where they stand as words."""
_ENCODED_FROM: Final = 6
"""Bytes from which on an encoded word does not occur by chance."""
_GONE: Final = b": No such file or directory"
"""What grep says of a file that a server has removed meanwhile."""
_INS: Final = rb"(?<![0-9A-Fa-f])[12][0-9]{4}99[0-9]{8}(?![0-9A-Fa-f])"
"""The INS of an invented person: department 99, with the key."""


@dataclass(frozen=True, order=True)
class Leak:
    """A text that stands in a place where it must not."""

    place: str
    text: str


def document_texts() -> set[str]:
    """Returns titles, texts and addresses of the demonstration's documents, in pieces of one line."""
    texts = set()
    for file in DOCUMENTS.glob("*.xml"):
        content = file.read_text("utf-8")
        inside = re.findall(r">([^<>]+)<", content) + re.findall(r'displayName="([^"]+)"', content)
        texts |= {line.strip() for text in inside for line in text.splitlines() if "{{" not in text}
    return {text for text in texts if len(text) > 14 and not text.startswith("urn:")}


def texts_about_people(more: Iterable[str]) -> set[str]:
    """Returns what no operator may read: names, domain of mail addresses, documents, and `more`."""
    names = {*BIRTH_NAMES, *GIVEN_NAMES["female"], *GIVEN_NAMES["male"]}
    return {*names, "@patient.example", "ESTREVAL", *document_texts(), *more}


class Needles:
    """A set of texts, and the search for them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts: dict[bytes, str] = {}
        self._words: dict[bytes, str] = {}
        self._encoded: dict[bytes, str] = {}
        for text in sorted(texts):
            for form in _forms(text):
                whole = self._texts if len(form) >= SHORT else self._words
                whole |= dict.fromkeys(_readable(form), text)
                self._encoded |= dict.fromkeys(_encoded(form.encode()), text)

    def leaks(self, places: Mapping[str, bytes], folder: Path, disks: Sequence[Path] = ()) -> set[Leak]:
        """Returns the texts that occur in these places, or in files of the folders `disks`.

        `folder`: an empty one, in which the places are written.
        """
        names = {}
        for number, (name, content) in enumerate(places.items()):
            names[str(folder / f"{number:06}")] = name
            (folder / f"{number:06}").write_bytes(content)
        leaks = set()
        for file, match in self._matches((folder, *disks)):
            leaks.add(Leak(names.get(file, f"disk {file}"), match))
        return leaks

    def _matches(self, folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
        """Yields the file and the text of each match."""
        lower = {word.lower(): text for word, text in self._texts.items()}
        for file, match in _grep(lower, ("-F", "-i"), folders):
            yield file, lower.get(match.lower(), "?")
        for words, options in ((self._words, ("-F", "-w")), (self._encoded, ("-F",))):
            for file, match in _grep(words, options, folders):
                yield file, words.get(match, "?")
        for file, match in _grep([_INS], ("-P",), folders):
            if ins_key(match[:13].decode()) == match[13:].decode():
                yield file, "an INS"


def _forms(text: str) -> set[str]:
    """Returns the text in upper, lower and title case, with and without accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    forms = {text, text.lower(), text.upper(), text.title()}
    return forms | ({plain, plain.lower(), plain.upper(), plain.title()} if len(plain) >= _ENCODED_FROM else set())


def _readable(form: str) -> set[bytes]:
    """Returns the bytes of a text in UTF-8 and Latin-1, in URLs, JSON and XML."""
    escaped = {quote(form), quote_plus(form), json.dumps(form)[1:-1], html.escape(form)}
    escaped.add(form.encode("ascii", "xmlcharrefreplace").decode())
    return {form.encode(), form.encode("latin-1", "ignore"), *(text.encode() for text in escaped)}


def _encoded(raw: bytes) -> Iterator[bytes]:
    """Yields hexadecimal digits and base64, the latter at each of the three places where a text may begin."""
    if len(raw) < _ENCODED_FROM:
        return
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for lead in range(3):
        first, last = -(-lead * 8 // 6), (lead + len(raw)) * 8 // 6
        inner = base64.b64encode(bytes(lead) + raw)[first:last]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def _grep(words: Iterable[bytes], options: Sequence[str], folders: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yields file and match. Kafka's indexes, which hold numbers alone, are left out."""
    with NamedTemporaryFile() as patterns:
        patterns.write(b"\n".join(sorted(words)) + b"\n")
        patterns.flush()
        command = ["grep", "-raoZ", "--exclude=*index", *options, "-f", patterns.name, *map(str, folders)]
        ended = subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=False)
    complaints = [line for line in ended.stderr.splitlines() if not line.endswith(_GONE)]
    assert complaints == []
    assert ended.returncode in (0, 1) or ended.stderr
    for line in ended.stdout.splitlines():
        file, _, match = line.partition(b"\0")
        yield file.decode(), match
