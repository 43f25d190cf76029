"""`python -m deploy.local.front FOLDER`: serves the front of the installation in the folder."""

import json
import sys
from pathlib import Path

import uvicorn

from deploy.local.front.demo import demo_app
from deploy.local.front.routing import Front
from deploy.local.front.server import FrontApp
from deploy.local.platform.front import FILE
from deploy.local.platform.paths import Layout
from deploy.local.platform.ports import HOST


def load(folder: Path) -> Front:
    """Returns the front that the file of the installation describes."""
    content = json.loads((folder / FILE).read_text("utf-8"))
    upstreams = {tuple(name.split("-")): url for name, url in content["upstreams"].items()}
    return Front(content["port"], {(service, role): url for (service, role), url in upstreams.items()})


def main(folder: Path) -> None:
    """Serves until the process is ended. It listens on the loopback alone."""
    front = load(folder)
    app = FrontApp(front, demo_app(Layout(folder)))
    uvicorn.run(app, host=HOST, port=front.port, access_log=False, log_config=None, proxy_headers=False, ws="none")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
