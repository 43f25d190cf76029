"""When `make` installs packages, and when it need not."""

from pathlib import Path

import pytest

from deploy.local.platform import install


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone's folder, of which only what the installation reads is there."""
    for name in (*install.LOCKS.values(), *install.INPUTS):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/dmp").touch()
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "STAMP", tmp_path / ".venv/installed")
    return tmp_path


@pytest.fixture
def installed(clone: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sets of packages that are installed from now on, in order."""
    sets: list[str] = []

    def record(packages: str) -> None:
        sets.append(packages)
        install.STAMP.write_text(install._fingerprint(packages))

    monkeypatch.setattr(install, "_install", record)
    return sets


def test_the_larger_set_serves_who_asks_for_the_smaller(installed: list[str]) -> None:
    assert [install.main(packages) for packages in ("dev", "local", "dev", "local")] == [0] * 4
    assert installed == ["dev"]


def test_the_smaller_set_is_completed_once(installed: list[str]) -> None:
    for packages in ("local", "local", "dev", "local"):
        install.main(packages)
    assert installed == ["local", "dev"]


def test_a_change_of_a_tool_of_the_tests_leaves_what_runs_alone(clone: Path, installed: list[str]) -> None:
    install.main("local")
    (clone / install.LOCKS["dev"]).write_text("another version")
    install.main("local")
    assert installed == ["local"]


@pytest.mark.parametrize("name", [*install.LOCKS.values(), *install.INPUTS])
def test_a_change_of_what_was_installed_is_installed(clone: Path, installed: list[str], name: str) -> None:
    install.main("dev")
    (clone / name).write_text("another version")
    install.main("dev")
    assert installed == (["dev"] if name == install.LOCKS["local"] else ["dev", "dev"])
