"""An installation with several workers of each service, and topics of as many partitions."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.local.platform.child import ChildSpec
from deploy.local.platform.probes import answers
from deploy.local.platform.services import NAMES, Services
from deploy.local.platform.stack import Stack
from deploy.local.platform.supervisor import Report
from tests.benchmarks.partitioned import limit_partitions


@dataclass(frozen=True)
class ManyServices(Services):
    """The processes of services with `workers` workers each, which declare so many partitions."""

    workers: int

    def all(self) -> list[ChildSpec]:
        """Returns all long-running processes."""
        further = [self._worker(service, number) for service in NAMES for number in range(2, self.workers + 1)]
        return [*super().all(), *further]

    def _worker(self, service: str, number: int) -> ChildSpec:
        name, prefix, spec = f"{service}-worker-{number}", service.upper(), self.process(service, "worker")
        port = self.ports[name]
        own = {f"{prefix}_WORKER__PORT": str(port), f"{prefix}_KAFKA__INSTANCE_ID": f"local-{number}"}

        async def healthy() -> bool:
            return await answers(port, "/readyz")

        return replace(
            spec, name=name, log=self.layout.log(name), healthy=healthy, environment={**spec.environment, **own}
        )

    def _spec(self, service: str, command: str, variables: Mapping[str, str], port: int | None) -> ChildSpec:
        spec = super()._spec(service, command, variables, port)
        words = ("-m", "tests.benchmarks.partitioned", str(self.workers), f"services.{service}", command)
        return replace(spec, command=(sys.executable, *words))


class ManyStack(Stack):
    """A Stack with several workers of each service."""

    workers = 1

    def _port_names(self) -> list[str]:
        further = [f"{service}-worker-{number}" for service in NAMES for number in range(2, self.workers + 1)]
        return [*super()._port_names(), *further]

    def _make_services(self) -> Services:
        made = super()._make_services()
        parts = {name: getattr(made, name) for name in Services.__dataclass_fields__}
        return ManyServices(**parts, workers=self.workers)

    async def _create_topics(self) -> None:
        limit_partitions(self.workers)
        await super()._create_topics()


@dataclass(frozen=True)
class ManyWorkers:
    """Makes the stack of a benchmark with so many workers of each service."""

    workers: int

    def __call__(self, folder: Path, *, report: Report) -> Stack:
        """Returns the stack in this folder."""
        stack = ManyStack(folder, report=report)
        stack.workers = self.workers
        return stack
