"""A cluster for the tests of a file. It knows the operators' kinds that the manifests use, without their operators."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.cluster.cluster import Cluster
from deploy.cluster.control_plane import programs
from deploy.cluster.definitions import definition_files, definitions_in
from deploy.cluster.programs import ProgramsError
from deploy.manifests.files import K8S
from tests.deploy.cluster.objects import build, strimzi_files
from tests.infra.cluster.kinds import wait_for_kinds


@pytest_asyncio.fixture(scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster that knows the operators' kinds which the manifests use, without their operators."""
    try:
        await asyncio.to_thread(programs)
        files = await asyncio.to_thread(definition_files)
    except ProgramsError as error:
        pytest.skip(f"the programs of the test cluster cannot be had here: {error}")
    with tempfile.TemporaryDirectory(prefix="dmp-cluster-") as folder:
        async with Cluster(Path(folder) / "cluster") as running:
            national = await build(running, K8S / "overlays" / "national")
            used = {(item["apiVersion"].partition("/")[0], item["kind"]) for item in national}
            await running.apply(
                definition
                for definition in definitions_in([*files, *strimzi_files()])
                if (definition["spec"]["group"], definition["spec"]["names"]["kind"]) in used
            )
            await wait_for_kinds(running)
            yield running
