"""What a test reads of a cluster many times a second, without a process of kubectl for each answer."""

import json
import ssl
from types import TracebackType
from typing import Any, Self

import httpx2

from deploy.cluster.cluster import Cluster
from tests.infra.scaling.keda import GROUP, VERSION

COMPOSITE = "composite-metric"
"""KEDA's name of the metric that a formula over triggers makes."""
_SUFFIXES = {"m": 0.001, "k": 1e3, "M": 1e6}


class KubeApi:
    """A client of the API server, as the administrator, for one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        config = json.loads(cluster.kubeconfig.read_text("utf-8"))
        [entry], [user] = config["clusters"], config["users"]
        server = entry["cluster"]
        self._namespace = namespace
        self._client = httpx2.AsyncClient(
            base_url=server["server"],
            verify=ssl.create_default_context(cafile=server["certificate-authority"]),
            headers={"authorization": f"Bearer {user['user']['token']}"},
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def replicas(self, deployment: str) -> int:
        """Returns the replicas that a Deployment should have."""
        content = await self._get(f"/apis/apps/v1/namespaces/{self._namespace}/deployments/{deployment}")
        return int(content["spec"]["replicas"])

    async def pods(self, selector: str) -> set[str]:
        """Returns the names of the running pods with these labels."""
        content = await self._get(f"/api/v1/namespaces/{self._namespace}/pods", labelSelector=selector)
        return {
            pod["metadata"]["name"]
            for pod in content["items"]
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        }

    async def lag(self, scaled_object: str) -> float | None:
        """Returns the lag of all groups together, as KEDA tells it to the autoscaler; None while it cannot read it."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{self._namespace}/{COMPOSITE}"
        answer = await self._client.get(path, params={"labelSelector": f"scaledobject.keda.sh/name={scaled_object}"})
        if answer.is_error:
            return None
        [item] = answer.json()["items"]
        return _number(str(item["value"]))

    async def _get(self, path: str, **parameters: str) -> Any:
        answer = await self._client.get(path, params=parameters)
        answer.raise_for_status()
        return answer.json()


def _number(quantity: str) -> float:
    """Returns a quantity of Kubernetes (`1500m`, `3k`) as a number."""
    factor = _SUFFIXES.get(quantity[-1])
    return float(quantity) if factor is None else float(quantity[:-1]) * factor
