"""The supervisor survives errors that kill its children (full disks, closed terminals, ...) and restarts them."""

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.local.cli.interruptible import print_line
from deploy.local.platform import endpoints
from deploy.local.platform.child import ChildSpec
from deploy.local.platform.paths import Layout
from deploy.local.platform.stack import Stack
from deploy.local.platform.supervisor import Progress, Supervisor
from shared.runtime.line_output import LineOutput
from tests.infra.platform.waiting import eventually

FULL = Path("/dev/full")
NAME = "child"
NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def healthy() -> bool:
    return True


def child(log: Path, prepare: Callable[[], None] | None = None) -> ChildSpec:
    """Returns a process that only sleeps."""
    command = ("/usr/bin/env", "sleep", "600")
    return ChildSpec(NAME, command, log, healthy, Path("/"), {"PATH": "/usr/bin:/bin"}, prepare)


@contextlib.asynccontextmanager
async def supervised(spec: ChildSpec, report: Callable[[Progress], None]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(report)
    await supervisor.start(spec)
    try:
        yield supervisor
    finally:
        await supervisor.stop_all()


def fail_to_report(_: Progress) -> None:
    raise NO_SPACE


async def test_a_child_is_restarted_though_neither_its_log_nor_the_terminal_can_be_written() -> None:
    async with supervised(child(FULL), fail_to_report) as supervisor:
        for _ in range(2):
            killed = await supervisor.kill(NAME)
            await supervisor.wait_ready(NAME)
            assert supervisor.managed[NAME].child.pid not in (None, killed)


@pytest.mark.parametrize("error", [NO_SPACE, OSError(errno.EMFILE, ""), ValueError("nobody has thought of it")])
async def test_a_child_that_cannot_be_started_is_tried_again_until_it_can(tmp_path: Path, error: Exception) -> None:
    failures = [None, error, error]
    reported: list[Progress] = []

    def prepare() -> None:
        if failures and (failure := failures.pop(0)):
            raise failure

    async with supervised(child(tmp_path / "log", prepare), reported.append) as supervisor:
        await supervisor.kill(NAME)
        await supervisor.wait_ready(NAME)
        assert supervisor.managed[NAME].restarts == 3
    assert [progress.state for progress in reported if progress.state != "died"] == [
        "ready",
        "failed",
        "failed",
        "ready",
        "stopped",
    ]
    assert all(progress.detail for progress in reported if progress.state == "failed")


async def test_a_child_whose_log_cannot_be_opened_runs_without_and_the_supervisor_says_so(tmp_path: Path) -> None:
    reported: list[Progress] = []
    async with supervised(child(tmp_path / "missing" / "log"), reported.append) as supervisor:
        assert supervisor.managed[NAME].child.pid is not None
    assert "without its log" in reported[0].detail


async def test_a_mail_catcher_comes_back_while_endpoints_json_cannot_be_written(tmp_path: Path) -> None:
    reported: list[Progress] = []
    async with Stack(tmp_path / "var", parts={"smtp"}, report=reported.append) as stack:
        in_the_way = stack.layout.folder / f".endpoints.json.{os.getpid()}"
        in_the_way.mkdir()
        killed = await stack.kill("smtp")
        await stack.wait_ready("smtp")
        await eventually(lambda: seen(reported, "endpoints.json", "failed"))
        assert written_pid(stack.layout) == killed
        in_the_way.rmdir()
        await eventually(lambda: seen(reported, "endpoints.json", "ready"))
        assert written_pid(stack.layout) == stack.pid("smtp")
    assert [progress.state for progress in reported if progress.name == "endpoints.json"] == ["failed", "ready"]
    assert not stack.layout.endpoints.exists()


async def test_a_command_that_holds_the_lock_of_endpoints_json_holds_up_no_restart(tmp_path: Path) -> None:
    async with Stack(tmp_path / "var", parts={"smtp"}) as stack:
        with (stack.layout.folder / "endpoints.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            killed = await stack.kill("smtp")
            await stack.wait_ready("smtp")
            assert written_pid(stack.layout) == killed
        await eventually(lambda: is_true(stack))


async def test_what_a_command_has_added_to_endpoints_json_stays(tmp_path: Path) -> None:
    async with Stack(tmp_path / "var", parts={"smtp"}) as stack:
        endpoints.update(stack.layout, purpose="demo", credentials={"someone": {"kind": "operator"}})
        await stack.kill("smtp")
        await stack.wait_ready("smtp")
        await eventually(lambda: is_true(stack))
        content = endpoints.read(stack.layout)
        assert (content["purpose"], content["credentials"]) == ("demo", {"someone": {"kind": "operator"}})


async def test_the_endpoints_json_of_a_supervisor_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "var")
    layout.create()
    layout.endpoints.write_text('{"pid": 1}')
    existed: list[bool] = []
    async with Stack(layout.folder, parts={"smtp"}, report=lambda _: existed.append(layout.endpoints.exists())):
        assert existed == [False]
        assert endpoints.read(layout)["pid"] == os.getpid()


async def test_an_endpoints_json_that_somebody_has_removed_is_written_anew(tmp_path: Path) -> None:
    async with Stack(tmp_path / "var", parts={"smtp"}) as stack:
        stack.layout.endpoints.unlink()
        await stack.kill("smtp")
        await stack.wait_ready("smtp")
        await eventually(lambda: is_true(stack))
        assert endpoints.read(stack.layout)["smtp"]["port"] == stack.ports["smtp"]


async def seen(reported: list[Progress], name: str, state: str) -> bool:
    return any((progress.name, progress.state) == (name, state) for progress in reported)


async def is_true(stack: Stack) -> bool:
    return stack.layout.endpoints.exists() and written_pid(stack.layout) == stack.pid("smtp")


def written_pid(layout: Layout) -> int:
    pid: int = json.loads(layout.endpoints.read_text())["processes"]["smtp"]["pid"]
    return pid


def test_a_line_for_a_terminal_that_is_gone_is_dropped_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as terminal:
        output = LineOutput(terminal, lambda count: f"{count} lines".encode())
        monkeypatch.setattr("deploy.local.cli.interruptible._terminal", lambda: output)
        print_line("nobody reads this")
    assert output.dropped == 1
