"""Writes the configuration of the edge: `python -m deploy.edge SETTINGS FOLDER`.

SETTINGS is a TOML file (`deploy/edge/settings.py`). Envoy starts with `envoy -c FOLDER/envoy.json`.
"""

import json
import sys
import tomllib
from pathlib import Path

from pydantic import ValidationError

from deploy.edge.config import config
from deploy.edge.settings import EdgeSettings
from deploy.edge.tls import secrets


def write(settings: EdgeSettings, folder: Path) -> Path:
    """Writes all files of the configuration into a folder and returns the one that Envoy starts with."""
    for name, content in {**secrets(settings), "envoy": config(settings, folder)}.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    return folder / "envoy.json"


def main(arguments: list[str]) -> int:
    """Returns 2 for wrong arguments, 78 for settings that cannot be used."""
    if len(arguments) != 2:
        print("usage: python -m deploy.edge SETTINGS FOLDER", file=sys.stderr)
        return 2
    try:
        settings = EdgeSettings.model_validate(tomllib.loads(Path(arguments[0]).read_text()))
        print(write(settings, Path(arguments[1]).resolve()))
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            print(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}", file=sys.stderr)
        return 78
    except (OSError, tomllib.TOMLDecodeError) as error:
        print(error, file=sys.stderr)
        return 78
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
