"""The images of two releases, and the archives by which the nodes of a test cluster take them."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.image.build import Options, build, ensure_base
from deploy.image.context import ROOT, content_hash
from deploy.image.engine import Engine, find_engine
from deploy.local.platform.errors import LocalError

PAUSE: Final = "localhost/dmp-pause:1"
"""Holds the namespaces of a pod, and does nothing."""
_PATCHED: Final = ("services", "shared")
_PAUSE_FILE: Final = 'FROM {image}\nENTRYPOINT ["sleep", "infinity"]\n'
_NEXT_FILE: Final = """\
FROM {image}
USER 0
COPY services /app/services
COPY shared /app/shared
RUN python -m compileall -q -f -j 0 --invalidation-mode unchecked-hash /app/services /app/shared
USER 10001:10001
"""


@dataclass(frozen=True)
class Images:
    """The names of two releases' images, and the archive that holds both and the one of pods."""

    current: str
    following: str
    archive: Path


def make_images(patch: Path, archive: Path) -> Images:
    """Builds the image of this code, and the one of this code with a patch. Raises LocalError, EngineError.

    `archive`: where all images are stored, readable by containerd.
    """
    engine = find_engine()
    current = build(engine, "services", Options(ensure_base(engine)))
    following = f"{current}-{content_hash([str(patch.relative_to(ROOT))])[:8]}"
    with tempfile.TemporaryDirectory(prefix="dmp-release-") as place:
        folder = Path(place)
        if not engine.has(following):
            for name in _PATCHED:
                shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            _apply(patch, folder)
            _build(engine, folder, _NEXT_FILE.format(image=current), following)
        _build(engine, folder, _PAUSE_FILE.format(image=current), PAUSE)
    engine.run("save", "--multi-image-archive", "--output", str(archive), current, following, PAUSE)
    return Images(current, following, archive)


def _build(engine: Engine, folder: Path, dockerfile: str, name: str) -> None:
    (folder / "Dockerfile").write_text(dockerfile, "utf-8")
    form = ["--format", "docker"] if engine.name == "podman" else []
    engine.show("build", "--quiet", "--network=none", *form, "--tag", name, str(folder))


def _apply(patch: Path, folder: Path) -> None:
    """Applies the patch. Raises LocalError where this code has changed below it."""
    command = ["git", "apply", "--verbose", str(patch)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("error:")), "no reason stated")
        raise LocalError(f"{patch.name} does not fit this code any more: {reason}")
