"""A kubectl for tests of the order alone: it keeps applied objects in a file, ends Jobs at once, and notes each call.

`fake_kubectl.py FOLDER ARGUMENTS...`: FOLDER/state.json has the objects, FOLDER/calls one line for each call that
changes something, FOLDER/failing the names of Jobs that fail.
"""

import json
import site
import sys
from pathlib import Path
from typing import Any

Objects = dict[str, Any]


def main(folder: Path, arguments: list[str]) -> int:
    state = folder / "state.json"
    objects: Objects = json.loads(state.read_text()) if state.exists() else {}
    match arguments:
        case ["kustomize", built]:
            name = "-".join(Path(built).parts[-2:])
            print((folder / f"{name}.yaml").read_text())
        case ["apply", *_]:
            applied = read(sys.stdin.read())
            for each in applied:
                apply(folder, objects, each)
            note(folder, "apply " + " ".join(f"{each['kind']}/{each['metadata']['name']}" for each in applied))
        case ["get", kind, "-n", _, "-l", selector, *_]:
            wanted = dict(pair.split("=") for pair in selector.split(","))
            items = [each for key, each in objects.items() if key.startswith(f"{kind}/")]
            matching = [each for each in items if wanted.items() <= each["metadata"]["labels"].items()]
            print(json.dumps({"items": matching}))
        case ["get", kind, name, *_]:
            print(json.dumps(objects[f"{kind}/{name}"]) if f"{kind}/{name}" in objects else "")
        case ["delete", kind, name, *_]:
            objects.pop(f"{kind}/{name}", None)
            note(folder, f"delete {kind}/{name}")
        case ["rollout", "undo", deployment, _, _, revision]:
            undo(objects, deployment, revision.partition("=")[2])
            note(folder, f"undo {deployment}")
        case ["rollout", "status", deployment, *_]:
            note(folder, f"await {deployment}")
        case ["logs", *_]:
            print("permission denied for table documents")
    state.write_text(json.dumps(objects))
    return 0


def read(text: str) -> list[Any]:
    site.main()  # most calls read nothing, and each is a process: it starts without packages (-S)
    import yaml

    return list(yaml.load_all(text, yaml.CSafeLoader))


def apply(folder: Path, objects: Objects, each: Any) -> None:
    kind, name = each["kind"].lower(), each["metadata"]["name"]
    path = folder / "failing"
    failing = path.read_text().split() if path.exists() else []
    if kind == "job":
        condition = "Failed" if name in failing else "Complete"
        each["status"] = {"conditions": [{"type": condition, "status": "True"}]}
    if kind == "deployment":
        revision = str(1 + sum(key.startswith(f"replicaset/{name}-") for key in objects))
        labels = each["spec"]["template"]["metadata"]["labels"]
        metadata = {"labels": labels, "annotations": {"deployment.kubernetes.io/revision": revision}}
        objects[f"replicaset/{name}-{revision}"] = {"metadata": metadata, "template": each["spec"]["template"]}
    objects[f"{kind}/{name}"] = each


def undo(objects: Objects, deployment: str, revision: str) -> None:
    name = deployment.partition("/")[2]
    objects[deployment]["spec"]["template"] = objects[f"replicaset/{name}-{revision}"]["template"]


def note(folder: Path, line: str) -> None:
    with (folder / "calls").open("a") as calls:
        calls.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
