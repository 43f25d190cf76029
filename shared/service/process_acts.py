"""The worker's route by which an operator enters in the ledger what is about to be done with a process of its service.

An operator scales or restarts processes of a cluster by the cluster's own API, which knows no outbox. The operator's
client therefore enters the act first, and acts only once the entry is committed.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.declarations import Service
from shared.db.pool import Pool, transaction
from shared.errors import InvalidError
from shared.http.app import AuthenticatedCaller
from shared.messaging.outbox import append
from shared.messaging.outbox.operator_entries import entry_of_act


class ProcessForeignError(InvalidError):
    """This process belongs to another service, whose worker enters what is done with it."""

    code = "process-foreign"
    french = "Ce processus est celui d’un autre service, qui inscrit lui-même ce qu’on en fait."


class ProcessAct(BaseModel):
    """An act on a process, such as `records-api`; `replicas` when it is scaled."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["scale-process", "restart-process"]
    process: Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+$", max_length=64)]
    replicas: Annotated[int, Field(ge=0, le=10_000)] | None = None

    @model_validator(mode="after")
    def _check_replicas(self) -> "ProcessAct":
        """Raises ValueError unless replicas come with a scaling, and with nothing else."""
        if (self.action == "scale-process") is (self.replicas is None):
            raise ValueError("replicas go with scale-process")
        return self


class ProcessActEntered(BaseModel):
    """The id of the ledger's entry."""

    event_id: UUID


def add_process_routes(app: FastAPI, service: Service) -> None:
    """Adds the route to a worker's app. Its callers need the scope `operations`."""

    async def enter_act(request: Request, act: ProcessAct, caller: AuthenticatedCaller) -> ProcessActEntered:
        """Enters an act in the ledger; returns once the entry is committed."""
        caller.require("operations")
        if act.process.partition("-")[0] != service:
            raise ProcessForeignError
        entry = entry_of_act(service, caller.actor(), act.action, act.process, count=act.replicas)
        pool: Pool = request.app.state.pool
        async with transaction(pool) as connection:
            await append(connection, [entry])
        return ProcessActEntered(event_id=entry.id)

    app.add_api_route("/process-acts", enter_act, methods=["POST"], status_code=201)
