"""Writes dashboards as Grafana's JSON, by Grafana's own builders."""

import json
from collections.abc import Iterator
from pathlib import Path
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from deploy.dashboards.boards import boards
from deploy.dashboards.charts import Board, Chart

FOLDER: Final = Path(__file__).parent
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${source}")
BELOW: Final = LegendPlacement.BOTTOM
WIDTH, HEIGHT = 8, 8
"""Three charts of Grafana's 24 columns stand side by side."""


def dashboards() -> Iterator[tuple[Path, str]]:
    """Yields the path and the JSON of every dashboard."""
    for board in boards():
        built = json.dumps(_built(board).build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        yield FOLDER / f"{board.name}.json", f"{built}\n"


def _built(board: Board) -> dashboard.Dashboard:
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"dmp-{board.name}")
        .tags(["dmp"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title))
        for each in row.charts:
            made = made.with_panel(_panel(each))
    return made


def _panel(chart: Chart) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(chart.title)
        .description(chart.about)
        .unit(chart.unit)
        .min(0)
        .span(WIDTH)
        .height(HEIGHT)
        .datasource(SOURCE)
        .legend(common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST).placement(BELOW))
    )
    for ref_id, query in zip(ascii_uppercase, chart.queries, strict=False):
        target = prometheus.Dataquery().ref_id(ref_id).expr(query.expression).legend_format(query.legend)
        panel = panel.with_target(target)
    return panel
