"""The alert rules of `deploy/alerts` as objects for the operator of Prometheus."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from deploy.alerts import objectives
from deploy.manifests.objects import Manifest, manifest

ALERTS: Final = Path(__file__).parents[1] / "alerts"


def rules() -> Iterator[Manifest]:
    """Yields one object for each file of rules."""
    for path in sorted({*ALERTS.glob("*.yaml"), objectives.RULES}):
        is_generated = path == objectives.RULES  # its file may be old while everything is generated
        groups = objectives.rule_groups() if is_generated else yaml.safe_load(path.read_text("utf-8"))["groups"]
        spec = {"groups": groups}
        yield manifest("monitoring.coreos.com/v1", "PrometheusRule", f"dmp-{path.stem}", spec=spec)
