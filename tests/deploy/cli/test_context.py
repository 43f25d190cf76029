"""The context file of an operator: what it gives, and what is wrong with it in one line."""

from pathlib import Path

import pytest

from deploy.cli import CONTEXT_VARIABLE
from deploy.cli.__main__ import main
from deploy.cli.context import read_context
from deploy.cli.errors import LocalError

ADDRESSES = '[services.records]\napi = "http://127.0.0.1:1/"\nworker = "http://127.0.0.1:2"\n'


def context_file(folder: Path, text: str) -> Path:
    """Returns a new file with this text."""
    path = folder / "context.toml"
    path.write_text(text)
    return path


def test_a_context_gives_the_address_of_every_process_and_paths_beside_it(tmp_path: Path) -> None:
    context = read_context(context_file(tmp_path, 'client_id = "op"\nkey_file = "op.jwk.json"\n' + ADDRESSES))
    assert context.urls == {"records": "http://127.0.0.1:1", "records-worker": "http://127.0.0.1:2"}
    assert context.key_file == tmp_path / "op.jwk.json"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not toml", "cannot be read"),
        ('[services.records]\napi = "http://127.0.0.1:1"\n', "services.records.worker: Field required"),
        ("other = 1\n" + ADDRESSES, "other: Extra inputs"),
    ],
)
def test_a_wrong_context_file_is_refused_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=words):
        read_context(context_file(tmp_path, text))


def test_a_missing_context_file_is_said_with_the_ways_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(CONTEXT_VARIABLE, str(tmp_path / "nowhere.toml"))
    assert main(["status"]) == 1
    assert "name one with --context or DMP_CONTEXT" in capsys.readouterr().err


def test_processes_that_do_not_answer_are_not_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = context_file(tmp_path, ADDRESSES)
    assert main(["status", "--context", str(path)]) == 1
    output = capsys.readouterr().out
    assert "records-worker  does not answer" in output
    assert "unknown for records: the worker does not answer" in output
    assert main(["recover", "--check", "--context", str(path)]) == 1


def test_an_act_without_an_operator_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlt", "list", "--context", str(context_file(tmp_path, ADDRESSES))]) == 1
    assert "names no operator: add client_id and key_file" in capsys.readouterr().err
    assert main(["dlt", "redrive", "--context", str(context_file(tmp_path, ADDRESSES))]) == 2


@pytest.mark.parametrize("words", [["start"], ["start", "nobody", "api"], ["start", "records"], ["dlt"], []])
def test_a_command_that_lacks_its_words_is_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "usage: dmp" in capsys.readouterr().err
