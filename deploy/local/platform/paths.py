"""The folder of an installation, by default `var/` in the repository, and the files in it."""

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.local.platform.errors import LocalError

_OUTSIDE = Path("/var/tmp")  # noqa: S108  # only folders of this user are used there
REPOSITORY = Path(__file__).resolve().parents[3]


def default_folder() -> Path:
    """Returns the folder of the installation: `DMP_VAR`, by default `var/` in the repository."""
    return Path(os.environ.get("DMP_VAR") or REPOSITORY / "var").absolute()


@dataclass(frozen=True)
class Layout:
    """The paths inside the folder of an installation."""

    folder: Path

    @property
    def logs(self) -> Path:
        """The folder of the logs, one file per process."""
        return self.folder / "log"

    @property
    def mail(self) -> Path:
        """The folder of caught mails, one `.eml` file each."""
        return self.folder / "mail"

    @property
    def sms(self) -> Path:
        """The folder of SMS, one encrypted file each."""
        return self.folder / "sms"

    @property
    def letters(self) -> Path:
        """The folder of postal letters, one encrypted file each."""
        return self.folder / "letters"

    @property
    def gateway_certificate(self) -> Path:
        """The certificate of the gateway for which SMS and letters are encrypted."""
        return self.secrets / "gateway-certificate.pem"

    @property
    def gateway_key(self) -> Path:
        """The private key of that gateway, which opens them."""
        return self.secrets / "gateway-key.pem"

    @property
    def secrets(self) -> Path:
        """The folder of passwords and keys, readable by the owner only."""
        return self.folder / "secrets"

    @property
    def postgres(self) -> Path:
        """The folder of PostgreSQL's data, unless PostgreSQL's user cannot reach it (see `outside_folder`)."""
        return self.folder / "postgres"

    @property
    def kafka(self) -> Path:
        """The folder of Kafka's data."""
        return self.folder / "kafka"

    @property
    def endpoints(self) -> Path:
        """The addresses and credentials of the running installation."""
        return self.folder / "endpoints.json"

    @property
    def context(self) -> Path:
        """The context file of the invented operator, for the operator's client."""
        return self.folder / "context.toml"

    @property
    def ports(self) -> Path:
        """The ports of the last run."""
        return self.folder / "ports.json"

    @property
    def lock(self) -> Path:
        """The supervisor's lock, which contains its process id."""
        return self.folder / "supervisor.pid"

    def log(self, name: str) -> Path:
        """Returns the log file of a process."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Makes the folders. For root, PostgreSQL's unprivileged user may traverse the first. Raises LocalError."""
        private_folder(self.folder, 0o711 if os.geteuid() == 0 else 0o700)
        for folder in (self.logs, self.mail, self.sms, self.letters, self.secrets):
            private_folder(folder, 0o700)


def private_folder(folder: Path, mode: int) -> None:
    """Makes a folder of this user with the mode. Raises LocalError if another user owns it."""
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise LocalError(f"{folder} belongs to another user: choose another folder with --var or DMP_VAR")
    if stat.S_IMODE(status.st_mode) != mode:
        folder.chmod(mode)


def outside_folder(folder: Path) -> Path:
    """Returns a folder under /var/tmp that replaces `folder` where another user needs access to its content."""
    mark = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    path = _OUTSIDE / f"{_outside_prefix()}{mark}"
    private_folder(path, 0o711)
    if not (path / "folder").exists():
        write_private(path / "folder", str(folder))
    return path


def remove_outside_leftovers() -> None:
    """Removes the replacements of folders that no longer exist: a file `folder` in each names its folder."""
    for path in _OUTSIDE.glob(f"{_outside_prefix()}*"):
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            continue
        name = path / "folder"
        if name.exists() and not Path(name.read_text(encoding="utf-8")).exists():
            shutil.rmtree(path, ignore_errors=True)


def _outside_prefix() -> str:
    return f"dmp-{pwd.getpwuid(os.geteuid()).pw_name}-"


def write_private(path: Path, text: str) -> None:
    """Writes a file atomically, readable by the owner only. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
