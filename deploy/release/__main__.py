"""Applies a release to a cluster, or takes it back. See `--help`, and docs/kubernetes.md."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.release.kubectl import Kubectl, KubectlError
from deploy.release.marks import NAME, Installed, Release
from deploy.release.order import ReleaseError, Releaser

EXIT_REFUSED, EXIT_USAGE = 1, 2
OVERLAYS: Final = Path(__file__).parents[1] / "k8s" / "overlays"
ABOUT: Final = """\
Applies a release: the post migrations of the running release, settings and policies, the pre migrations, the workers,
what callers reach, the autoscalers. Each step waits for the one before it; an interrupted release is applied again and
goes on. `rollback` brings the release before it back, without a migration.
"""
EXAMPLE: Final = """\
Exit codes: 0 done, 1 refused or failed (the line says why and where), 2 usage.

Example:
  python -m deploy.release apply --overlay national --release r42 --image images.example/dmp@sha256:...
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    parsed = _parser().parse_args(arguments)
    releaser = Releaser(Kubectl(parsed.context, parsed.kubectl), _folder(parsed.overlay), parsed.timeout, _say)
    try:
        match parsed.command:
            case "prepare":
                releaser.prepare()
            case "apply":
                releaser.apply(Release(parsed.release, parsed.image))
            case "rollback":
                releaser.rollback()
            case _:
                _show(releaser.status())
    except (KubectlError, ReleaseError) as error:
        print(f"release: {error}", file=sys.stderr)
        return EXIT_REFUSED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m deploy.release", description=ABOUT, epilog=EXAMPLE, formatter_class=argparse.RawTextHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--overlay", required=True, help="a folder, or the name of one in deploy/k8s/overlays")
    common.add_argument("--context", help="of the kubeconfig; default: the current one")
    common.add_argument("--kubectl", default="kubectl", help="the program; default: kubectl on the path")
    common.add_argument("--timeout", type=int, default=900, metavar="S", help="seconds for each Job and each rollout")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", parents=[common], help="apply namespace, roles and policies, as an administrator")
    apply = commands.add_parser("apply", parents=[common], help="apply a release")
    apply.add_argument("--release", required=True, type=_name, help="its name, used once: letters, digits, hyphens")
    apply.add_argument("--image", required=True, help="the image of its processes, best by digest")
    commands.add_parser("rollback", parents=[common], help="bring the release before it back")
    commands.add_parser("status", parents=[common], help="show which releases the cluster notes")
    return parser


def _name(text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError("1 to 30 lower-case letters, digits and hyphens, no hyphen at either end")
    return text


def _folder(overlay: str) -> Path:
    path = Path(overlay)
    return path if path.is_dir() else OVERLAYS / overlay


def _show(installed: Installed) -> None:
    for part in ("current", "next", "previous"):
        release: Release | None = getattr(installed, part)
        print(f"{part}: {f'{release.name} ({release.image})' if release else 'none'}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
