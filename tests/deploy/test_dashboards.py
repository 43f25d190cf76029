"""The dashboards ask for metrics that the code has, and say what a reader does with a curve."""

import json
import re

import pytest

from deploy.dashboards.boards import boards
from deploy.dashboards.grafana import FOLDER
from shared.contracts.declarations import SERVICES
from tests.infra.deploy.promql import METRICS, OF_PROMETHEUS, selectors

BOARDS = boards()
QUERIES = sorted({query.expression for board in BOARDS for query in board.queries()})
OF_EVERY_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
"""Those of the library, which know no labels of ours."""


@pytest.mark.parametrize("expression", QUERIES)
def test_each_metric_and_label_of_a_query_is_in_the_code(expression: str) -> None:
    used = list(selectors(expression.replace("$__rate_interval", "5m")))
    assert used
    for name, labels in used:
        assert name in METRICS or name in OF_EVERY_PROCESS
        known = METRICS.get(name, set()) | OF_PROMETHEUS
        assert labels <= known
        for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
            assert {label.strip() for label in grouping.split(",") if label.strip()} <= known


def test_operators_and_each_service_have_a_dashboard() -> None:
    assert {board.name for board in BOARDS} == {"operations", *SERVICES}
    assert {path.stem for path in FOLDER.glob("*.json")} == {board.name for board in BOARDS}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_dashboard_is_grafanas_json_with_all_its_queries(board: object) -> None:
    name = board.name  # type: ignore[attr-defined]
    read = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    panels = [panel for panel in read["panels"] if panel["type"] != "row"]
    targets = [target for panel in panels for target in panel["targets"]]
    assert [target["expr"] for target in targets] == [query.expression for query in board.queries()]  # type: ignore[attr-defined]
    assert all(panel["description"] and panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
    for panel in panels:
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
