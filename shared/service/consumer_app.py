"""A process that consumes in some groups of its service and announces nothing: the service's worker has the relay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from shared.contracts.declarations import ConsumerProcess
from shared.db.pool import create_pool
from shared.http.app import metrics
from shared.runtime.settings import ServiceSettings
from shared.runtime.tasks import end_tasks
from shared.service.consumer_runtime import ConsumerRuntime, Plan, add_health_routes

Close = Callable[[], Awaitable[None]]


@asynccontextmanager
async def run_consumers(
    plan: Plan, settings: ServiceSettings, process: ConsumerProcess, close: Close
) -> AsyncIterator[ConsumerRuntime]:
    """Runs consumers and loops for the duration of the block. `close` ends what they used."""
    pool = await create_pool(settings.postgres, application=f"{plan.service}-{process}")
    runtime = ConsumerRuntime(plan, settings, pool)
    starting = asyncio.create_task(runtime.start_broker())
    tasks = [asyncio.create_task(runtime.run_loop(name, loop)) for name, loop in runtime.loops().items()]
    try:
        yield runtime
    finally:
        await end_tasks([starting])  # otherwise it would start consumers after they were stopped
        await runtime.stop_consumers()
        await end_tasks(tasks)
        await close()
        pool.terminate()


def make_consumer_app(plan: Plan, settings: ServiceSettings, process: ConsumerProcess, close: Close) -> FastAPI:
    """Makes the process's app: /livez, /readyz and /metrics. `close` is called when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with run_consumers(plan, settings, process, close) as runtime:
            app.state.runtime, app.state.pool = runtime, runtime.pool
            yield

    title = f"{plan.service} {process}"
    app = FastAPI(title=title, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    add_health_routes(app)
    app.add_api_route("/metrics", metrics)
    return app
