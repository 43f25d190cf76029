"""The example of a collector sends log lines to Loki under four labels, none of which is an id."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

ROOT = Path(__file__).parents[2]
COLLECTOR: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "logs" / "fluent-bit.yaml").read_text("utf-8"))
LABELS = {"service", "process", "level", "event"}


LOG_ONE_LINE = """
from shared.runtime import logs
logs.configure("records", "worker")
logs.log("batch.retried", group="records.erasures", code="transient", attempt=2)
"""


@pytest.fixture(scope="module")
def line() -> dict[str, Any]:
    """A line as a process writes it: logging is configured once in a process."""
    done = subprocess.run([sys.executable, "-c", LOG_ONE_LINE], cwd=ROOT, capture_output=True, check=True)
    logged: dict[str, Any] = orjson.loads(done.stdout)
    return logged


def test_the_labels_are_four_fields_of_every_line_and_no_id(line: dict[str, Any]) -> None:
    [output] = COLLECTOR["pipeline"]["outputs"]
    assert output["name"] == "loki"
    labels = {key.removeprefix("$") for key in output["label_keys"].split(",")}
    assert labels == LABELS
    assert labels <= line.keys()
    assert output["labels"] == "job=dmp"


def test_the_collector_reads_the_time_of_a_line(line: dict[str, Any]) -> None:
    [parser] = COLLECTOR["parsers"]
    assert parser["format"] == "json"
    as_python_says = parser["time_format"].replace("%L", "%f")
    time.strptime(line[parser["time_key"]], as_python_says)


def test_every_part_of_the_pipeline_takes_the_same_records_and_the_parser_is_declared() -> None:
    pipeline = COLLECTOR["pipeline"]
    [tag] = [each["tag"] for each in pipeline["inputs"]]
    assert {part["match"] for part in (*pipeline["filters"], *pipeline["outputs"])} == {tag}
    assert {part["parser"] for part in pipeline["filters"] if part["name"] == "parser"} == {
        parser["name"] for parser in COLLECTOR["parsers"]
    }


def test_the_page_says_the_labels() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = page.split("### Logs in Loki\n")[1]
    assert set(re.findall(r"`(service|process|level|event)`", section)) == LABELS
