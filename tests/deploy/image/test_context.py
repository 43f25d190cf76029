"""What goes into the image of the services is enough: every module that its files import is among them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from deploy.image.build import IMAGES
from tests.infra.platform.paths import ROOT


def files() -> Iterator[Path]:
    for source in IMAGES["services"].sources:
        path = ROOT / source
        yield from path.rglob("*.py") if path.is_dir() else [path] if path.suffix == ".py" else []


def imported(file: Path) -> Iterator[str]:
    """The dotted names that a file imports, of modules and of what they hold."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_files(name: str) -> Iterator[Path]:
    """The file of this project's module of that name, if there is one."""
    path = ROOT / name.replace(".", "/")
    yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists())


def test_every_module_that_the_image_imports_is_in_it() -> None:
    inside = set(files())
    missing = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in inside
        for name in imported(file)
        for needed in module_files(name)
        if needed not in inside
    }
    assert missing == set()
    assert {ROOT / "deploy" / "edge" / "__main__.py", ROOT / "services" / "identity" / "__main__.py"} <= inside
