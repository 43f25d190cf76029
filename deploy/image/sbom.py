"""Adds Debian's packages to the list of components (CycloneDX) of Python's: `sbom.py VERSION < IN > OUT`."""

import json
import subprocess
import sys
from typing import Any

_FORMAT = "${Package}\t${Version}\t${Architecture}\n"


def debian_components() -> list[dict[str, str]]:
    """Returns the installed packages of this system as components."""
    listed = subprocess.run(
        ["dpkg-query", "--show", "--showformat", _FORMAT], capture_output=True, text=True, check=True
    )
    components = []
    for line in listed.stdout.splitlines():
        name, version, architecture = line.split("\t")
        purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}"
        components.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return components


def complete(bom: dict[str, Any], version: str) -> dict[str, Any]:
    """Returns the document with Debian's packages, about the image of this version."""
    image = {"type": "container", "bom-ref": "dmp", "name": "dmp", "version": version}
    metadata = {**bom.get("metadata", {}), "component": image}
    return {**bom, "metadata": metadata, "components": [*bom.get("components", []), *debian_components()]}


if __name__ == "__main__":
    json.dump(complete(json.load(sys.stdin), sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
