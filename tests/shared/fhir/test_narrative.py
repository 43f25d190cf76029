"""A narrative holds formatting alone: nothing that is run or fetched (FHIR R4, txt-1 and txt-2)."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.fhir.narrative import MAX_DEPTH, MAX_LENGTH, NarrativeError, check_narrative
from tests.infra.platform.paths import ROOT

SAMPLES = Path(os.environ.get("DMP_SAMPLES", ROOT.parent / "shared" / "samples")) / "fhir"


def div(inner: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'


TAKEN = [
    div("Compte rendu de consultation"),
    div('<h1 id="a">Été</h1><p class="x" style="color: red">a<br/>b &amp; c</p><ul><li>d</li></ul>'),
    div('<table border="1"><tr><td colspan="2">a</td></tr></table><hr/><pre>b</pre>'),
    div('<a href="#a">a</a><a href="https://hopital.example/x">b</a><a href="mailto:a@hopital.example">c</a>'),
    div('<a href="DocumentReference/1">a</a><a name="b">b</a>'),
    div('<img src="data:image/png;base64,AAAA" alt="logo"/>'),
    div('<img src="#logo" alt=""/>'),
    '<x:div xmlns:x="http://www.w3.org/1999/xhtml" xml:lang="fr"><x:p>a</x:p></x:div>',
    div("<p>" * (MAX_DEPTH - 1) + "a" + "</p>" * (MAX_DEPTH - 1)),
]
UNSAFE = [
    div("a<script>alert(1)</script>"),
    div("a<SCRIPT>alert(1)</SCRIPT>"),
    div('a<script xmlns="http://www.w3.org/2000/svg">alert(1)</script>'),
    div('<p onclick="alert(1)">a</p>'),
    div('<p onClick="alert(1)">a</p>'),
    div('<img src="#a" onerror="alert(1)"/>'),
    div('<img src="https://elsewhere.example/pixel.png"/>'),
    div('<img src="pixel.png"/>'),
    div('<img src="data:image/svg+xml;base64,AAAA"/>'),
    div('<a href="javascript:alert(1)">a</a>'),
    div('<a href="&#9;javascript:alert(1)">a</a>'),
    div('<a href="JavaScript:alert(1)">a</a>'),
    div('<a href="data:text/html,a">a</a>'),
    div('<a href="//elsewhere.example">a</a>'),
    div('<p href="https://elsewhere.example">a</p>'),
    div('a<link rel="stylesheet" href="https://elsewhere.example/a.css"/>'),
    div("a<style>p {color: red}</style>"),
    div('<p style="background: url(https://elsewhere.example/a.png)">a</p>'),
    div('<p style="background: u\\72l(https://elsewhere.example/a.png)">a</p>'),
    div('<p style="width: expression(alert(1))">a</p>'),
    div('a<iframe src="https://elsewhere.example"/>'),
    div('a<object data="a"/>'),
    div('a<form action="https://elsewhere.example"/>'),
    div('a<svg xmlns="http://www.w3.org/2000/svg"/>'),
]
INVALID = [
    "Compte rendu",
    "<p xmlns='http://www.w3.org/1999/xhtml'>a</p>",
    "<div>a</div>",
    div("<p>a"),
    div("a&nbsp;b"),
    div(" \n"),
    div("<p/>"),
    div("<marquee>a</marquee>"),
    div('<p data-x="1">a</p>'),
    div('<a href="#a" target="_blank">a</a>'),
    div('a<p xmlns="urn:hl7-org:v3">b</p>'),
    '<!DOCTYPE div [<!ENTITY a "b">]>' + div("&a;"),
    '<?xml-stylesheet href="https://elsewhere.example/a.css"?>' + div("a"),
    div("a") + div("b"),
    div("a\ud800"),
    div("<p>" * MAX_DEPTH + "a" + "</p>" * MAX_DEPTH),
    div("a" * MAX_LENGTH),
]


def assert_taken(narrative: str) -> None:
    """Fails with the rule that the narrative breaks."""
    check_narrative(narrative)


@pytest.mark.parametrize("narrative", TAKEN)
def test_formatting_images_and_links_are_taken(narrative: str) -> None:
    assert_taken(narrative)


@pytest.mark.parametrize(
    ("narrative", "code"),
    [*((text, "narrative-unsafe") for text in UNSAFE), *((text, "narrative-invalid") for text in INVALID)],
)
def test_anything_else_is_refused(narrative: str, code: str) -> None:
    with pytest.raises(NarrativeError) as refused:
        check_narrative(narrative)
    assert refused.value.code == code


def narratives(value: Any) -> Iterator[str]:
    """Yields the narratives of documents and lists, wherever they stand."""
    if isinstance(value, dict):
        if value.get("resourceType") in ("DocumentReference", "List") and "text" in value:
            yield value["text"]["div"]
        for member in value.values():
            yield from narratives(member)
    elif isinstance(value, list):
        for item in value:
            yield from narratives(item)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not here")
def test_published_narratives_are_taken() -> None:
    published = [
        narrative for path in SAMPLES.glob("pdsm*/*.json") for narrative in narratives(json.loads(path.read_bytes()))
    ]
    assert published
    for narrative in published:
        assert_taken(narrative)
