"""Makes `.venv` with the packages of a lock, and fetches the jars of Kafka; standard library only.

`local` installs `requirements-local.lock`, the packages that one machine needs; `dev` installs `requirements-dev.lock`,
which adds the tests and linters. It does nothing if that lock, or the larger one, is installed already. `setup.sh` runs
it in the repository's root.
"""

import errno
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv"
STAMP = VENV / "installed"
LOCKS = {"local": "requirements-local.lock", "dev": "requirements-dev.lock"}
"""The lock of each set of packages, the smaller set first. The larger set contains the smaller, version for version."""
INPUTS = ("pyproject.toml", "deploy/local/platform/jgo.lock.toml")
_DISK_NEEDED = 1_000 * 1024 * 1024
_NO_NETWORK = ("ConnectionError", "NewConnectionError", "Could not find a version", "ConnectTimeout", "ReadTimeout")


class InstallError(Exception):
    """The installation failed; the message is one line for a person."""


def main(packages: str) -> int:
    """Installs a set of packages, a key of `LOCKS`, unless it is installed. Returns the exit code."""
    try:
        with (ROOT / ".install.lock").open("w") as lock:
            _wait_for(lock.fileno())
            if not _is_installed(packages):
                _install(packages)
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        print(f"error: {_FULL if full else f'{error.strerror} ({error.filename})'}", file=sys.stderr)
        return 1
    return 0


_FULL = "the disk is full: the installation needs about 1 GB"


def _wait_for(lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say("another make is installing in this clone; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _fingerprint(packages: str) -> str:
    """Returns a hash of the installation's inputs: locked versions, project metadata, folder and Python version."""
    digest = hashlib.sha256(f"{ROOT} {sys.version_info[:2]}".encode())
    for name in (LOCKS[packages], *INPUTS):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _is_installed(packages: str) -> bool:
    if not (STAMP.exists() and (VENV / "bin" / "dmp").exists()):
        return False
    sets = tuple(LOCKS)
    return STAMP.read_text() in {_fingerprint(larger) for larger in sets[sets.index(packages) :]}


def _install(packages: str) -> None:
    if shutil.disk_usage(ROOT).free < _DISK_NEEDED and not (VENV / "bin" / "dmp").exists():
        raise InstallError(_FULL)
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if not _is_whole():
        _make_venv()
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "3"]
    _say("installing the locked packages into .venv (the first time a minute or two)")
    lock = LOCKS[packages]
    count = sum(line[:1].isalnum() for line in (ROOT / lock).read_text().splitlines())
    # The lock names every package, and overrides what one of them demands of another ([tool.uv] in pyproject.toml).
    _run([*pip, "install", "--no-deps", "--require-hashes", "-r", lock], "installing the packages", count)
    _run([*pip, "install", "--no-deps", "--no-build-isolation", "-e", "."], "installing the command dmp")
    _say("fetching Apache Kafka")
    _run([str(VENV / "bin" / "python"), "-m", "deploy.local.platform.archive"], "fetching Apache Kafka")
    STAMP.write_text(_fingerprint(packages))
    _say(f"installed in {time.monotonic() - started:.0f} s")


def _is_whole() -> bool:
    """Returns whether .venv was made in this folder (its scripts hold absolute paths) and its Python still works."""
    python = VENV / "bin" / "python"
    script = VENV / "bin" / "pip"
    if not (python.exists() and script.exists() and os.fsencode(VENV) in script.read_bytes()):
        return False
    return subprocess.run([python, "-c", "import pip"], check=False, stderr=subprocess.DEVNULL).returncode == 0


def _make_venv() -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise InstallError(f"Python's venv module is missing: install the package python{version}-venv")
    if VENV.exists():
        shutil.rmtree(VENV)
    # The base interpreter, not that of an old .venv.
    base = getattr(sys, "_base_executable", sys.executable)
    _run([base, "-m", "venv", str(VENV)], "making .venv")


def _run(command: list[str], what: str, steps: int = 0) -> None:
    """Runs a step; shows its output only if it fails, shortened to the reason."""
    output = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            output.append(line)
            if steps and line.startswith("Collecting") and sys.stderr.isatty():
                done = sum(line.startswith("Collecting") for line in output)
                print(f"\r  {done} of {steps} packages", end="\n" if done == steps else "", file=sys.stderr)
    if process.returncode != 0:
        raise InstallError(f"{what} failed: {_reason(output)}")


def _reason(output: list[str]) -> str:
    """Returns the line of a failed step's output that tells a person what to do."""
    text = "".join(output)
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return _FULL
    if any(mark in text for mark in _NO_NETWORK):
        return "no connection to the package index, which the first installation needs"
    lines = [line.strip() for line in output if line.strip()]
    reason = next((line for line in lines if line.lower().startswith("error")), lines[-1] if lines else "no output")
    return reason.removeprefix("error: ").removeprefix("ERROR: ")[:300]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
