"""Programs are built once for each pin; schemas have no room for a field that a definition does not name."""

from pathlib import Path

import pytest

from deploy.cluster.definitions import closed
from deploy.cluster.programs import ProgramsError, made_once, run


@pytest.fixture
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DMP_CLUSTER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "static").mkdir()
    path = tmp_path / "static" / "go.sum"
    path.write_text("one version", "utf-8")
    return path


def test_the_same_pins_are_built_once_and_others_beside_them(pins: Path) -> None:
    built: list[Path] = []
    first = made_once(pins, built.append)
    assert made_once(pins, built.append) == first
    pins.write_text("another version", "utf-8")
    second = made_once(pins, built.append)
    assert built == [first, second]
    assert first.is_dir()


def test_an_interrupted_build_begins_again(pins: Path) -> None:
    def interrupted(folder: Path) -> None:
        (folder / "half").touch()
        raise ProgramsError("the network is away")

    with pytest.raises(ProgramsError):
        made_once(pins, interrupted)
    folder = made_once(pins, lambda folder: (folder / "whole").touch())
    assert {path.name for path in folder.iterdir()} == {"whole", ".complete"}


def test_a_build_that_fails_is_told_with_the_end_of_its_errors() -> None:
    with pytest.raises(ProgramsError, match="no such module"):
        run(["sh", "-c", "echo no such module >&2; exit 1"])


def test_objects_are_closed_except_where_a_definition_leaves_them_open() -> None:
    schema = {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "port": {"x-kubernetes-int-or-string": True},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "properties": {}, "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    made = closed(schema)
    assert made["additionalProperties"] is False
    assert made["properties"]["port"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert made["properties"]["labels"]["additionalProperties"] == {"type": "string"}
    assert "additionalProperties" not in made["properties"]["free"]
