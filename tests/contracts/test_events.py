"""The contracts: published events stay readable for good, and generated files are up to date."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.generate import generated
from shared.contracts.base import Event
from shared.contracts.carried_events import EVENTS
from shared.contracts.declarations import OUTSIDE_WRITERS, SERVICES
from shared.contracts.topics import GROUPS, TOPICS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "shared" / "contracts" / "examples"


@pytest.mark.parametrize("ce_type", sorted(EVENTS))
def test_the_golden_example_of_an_event_is_still_understood_whole(ce_type: str) -> None:
    example = json.loads((EXAMPLES / f"{ce_type}.json").read_text("utf-8"))
    understood = EVENTS[ce_type].model_validate_json(json.dumps(example))
    assert json.loads(understood.model_dump_json(exclude_unset=True)) == example


@pytest.mark.parametrize("ce_type", sorted(EVENTS))
def test_a_field_added_later_does_not_disturb_a_reader_of_today(ce_type: str) -> None:
    example = json.loads((EXAMPLES / f"{ce_type}.json").read_text("utf-8"))
    assert EVENTS[ce_type].model_validate(example | {"added_later": 1}) == EVENTS[ce_type].model_validate(example)


def test_each_golden_example_belongs_to_an_event() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == set(EVENTS)


def kinds_of(kind: type[Event]) -> Iterator[type[Event]]:
    """Yields what derives from a kind of event, at any depth."""
    for derived in kind.__subclasses__():
        yield derived
        yield from kinds_of(derived)


def test_each_event_stands_in_the_declaration_of_a_topic() -> None:
    declared = {kind.ce_type: kind for kind in kinds_of(Event) if "ce_type" in vars(kind)}
    ours = {ce_type for ce_type, kind in declared.items() if kind.__module__.startswith("shared.contracts.")}
    assert ours == set(EVENTS)


def test_schemas_asyncapi_and_openapi_are_what_the_code_says() -> None:
    stale = [path.name for path, text in generated() if not path.exists() or path.read_text("utf-8") != text]
    assert stale == [], "run: python -m deploy.generate"


def test_names_of_topics_groups_and_events_have_the_agreed_form() -> None:
    retired = {topic.name for topic in TOPICS if topic.former_writers}
    for topic in TOPICS:
        owner, plural, major = topic.name.split(".")
        assert owner == topic.owner
        assert "_" not in topic.name
        assert major == ("v2" if topic.name.removesuffix(".v2") + ".v1" in retired else "v1")
        assert plural.endswith("s") or plural in ("people", "people-to-call")
    assert all(group.service in SERVICES for group in GROUPS)
    for ce_type in EVENTS:
        owner, what, major = ce_type.split(".")
        assert owner in (*SERVICES, *OUTSIDE_WRITERS, "shared")
        assert "-" in what
        assert major.startswith("v")


def test_a_group_follows_states_or_facts_but_not_both() -> None:
    for group in GROUPS:
        assert len({topic.kind for topic in group.topics}) == 1, group.name
