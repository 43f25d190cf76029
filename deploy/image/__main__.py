"""Builds the images with podman or Docker; see docs/deploying.md.

python -m deploy.image                       the image of the services
python -m deploy.image services postgres kafka --tag registry.example/dmp/%:1.2
"""

import argparse
import sys
from pathlib import Path

from deploy.image.build import IMAGES, Options, build, ensure_base
from deploy.image.context import ContextError
from deploy.image.engine import EngineError, find_engine


def main() -> int:
    """Builds the images that are named. Returns 0; 1 if one cannot be built, in one line."""
    parser = argparse.ArgumentParser("python -m deploy.image", description="Builds the container images.")
    parser.add_argument("images", nargs="*", default=["services"], metavar="IMAGE", help=f"{', '.join(IMAGES)}")
    parser.add_argument("--base", help="image to build on, Debian or with a Python of its own; made here unless said")
    parser.add_argument("--index", metavar="URL", help="package index of the wheels; pip's own setting unless said")
    parser.add_argument("--tag", metavar="NAME", help="name of the image, with %% for which one it is")
    parser.add_argument("--sbom", type=Path, metavar="FILE", help="where the list of components is put (CycloneDX)")
    arguments = parser.parse_args()
    unknown = set(arguments.images) - IMAGES.keys()
    if unknown:
        parser.error(f"no image is called {', '.join(sorted(unknown))}: choose of {', '.join(IMAGES)}")
    try:
        engine = find_engine()
        base = arguments.base or ensure_base(engine)
        options = Options(base, arguments.index, arguments.sbom)
        for name in arguments.images:
            image = build(engine, name, options)
            if arguments.tag:
                engine.run("tag", image, arguments.tag.replace("%", name))
            print(arguments.tag.replace("%", name) if arguments.tag else image)
    except (EngineError, ContextError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
