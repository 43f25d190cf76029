"""A renewed certificate and a rotated authority count from the next connection, without a restart."""

import asyncio
import shutil
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509

from shared.runtime.tls import ReloadedContext, client_context, server_context
from tests.infra.platform.certificates import Authority, CertificateFiles

Run = Callable[[Coroutine[Any, Any, None]], None]
REFUSED = (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on a loop of its own: the processes use uvloop, commands asyncio's loop."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


def put(files: CertificateFiles, folder: Path) -> CertificateFiles:
    """Writes these over the files in use, each at once, as a renewal does. Returns the files in use."""
    used = CertificateFiles(*(folder / f"used.{part}.pem" for part in ("certificate", "key", "both")))
    for new, old in ((files.certificate, used.certificate), (files.key, used.key), (files.both, used.both)):
        replace(new, old)
    return used


def replace(new: Path, old: Path) -> None:
    shutil.copy(new, copy := old.with_suffix(".new"))
    copy.rename(old)


def serial_of(files: CertificateFiles) -> int:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).serial_number


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        writer.write(await reader.readline())
        await writer.drain()
    except REFUSED:
        pass
    finally:
        writer.close()


async def serve(context: ssl.SSLContext) -> asyncio.Server:
    return await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)


async def connect(server: asyncio.Server, context: ssl.SSLContext) -> int:
    """Exchanges a line over TLS and returns the serial number of the server's certificate."""
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.write(b"x\n")
        assert await reader.readexactly(2) == b"x\n"
        return x509.load_der_x509_certificate(certificate).serial_number
    finally:
        writer.close()


def test_a_server_shows_its_renewed_certificate_without_a_restart(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, renewed = authority.issue("first"), authority.issue("renewed")
    used = put(first, tmp_path)

    async def renew() -> None:
        server = await serve(server_context(used.certificate, used.key))
        client = client_context(authority.file)
        assert await connect(server, client) == serial_of(first)
        put(renewed, tmp_path)
        assert await connect(server, client) == serial_of(renewed)
        server.close()

    run(renew())


def test_a_client_believes_the_present_authorities_and_no_former_one(run: Run, tmp_path: Path) -> None:
    former, present = Authority(tmp_path, "former"), Authority(tmp_path, "present")
    shutil.copy(former.file, used := tmp_path / "used.pem")
    client = client_context(used)

    async def rotate() -> None:
        old = await serve(server_context(*_pair(former.issue("old"))))
        new = await serve(server_context(*_pair(present.issue("new"))))
        await connect(old, client)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(new, client)
        replace(present.file, used)
        await connect(new, client)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(old, client)
        old.close()
        new.close()

    run(rotate())


def test_a_server_asks_for_certificates_of_the_present_authorities_alone(run: Run, tmp_path: Path) -> None:
    former, present = Authority(tmp_path, "former"), Authority(tmp_path, "present")
    shutil.copy(former.file, used := tmp_path / "used.pem")
    server_files = present.issue("server")

    async def rotate() -> None:
        server = await serve(server_context(*_pair(server_files), used))
        old = client_context(present.file, *_pair(former.issue("old")))
        new = client_context(present.file, *_pair(present.issue("new")))
        await connect(server, old)
        replace(present.file, used)
        await connect(server, new)
        with pytest.raises(REFUSED):
            await connect(server, old)
        with pytest.raises(REFUSED):
            await connect(server, client_context(present.file))
        server.close()

    run(rotate())


def test_files_that_cannot_be_used_leave_the_former_ones_in_force(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, renewed = authority.issue("first"), authority.issue("renewed")
    used = put(first, tmp_path)

    async def renew_in_parts() -> None:
        server = await serve(server_context(used.certificate, used.key))
        client = client_context(authority.file)
        replace(renewed.certificate, used.certificate)  # the key does not belong to it yet
        assert await connect(server, client) == serial_of(first)
        used.certificate.unlink()
        assert await connect(server, client) == serial_of(first)
        put(renewed, tmp_path)
        assert await connect(server, client) == serial_of(renewed)
        server.close()

    run(renew_in_parts())


def test_files_that_cannot_be_used_at_the_start_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client_context(tmp_path / "nowhere.pem", tmp_path / "nowhere.pem")


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.create_default_context(cafile=authority.file))
        return made[-1]

    authority = Authority(tmp_path)
    context = ReloadedContext(make, [authority.file, None])
    for _ in range(3):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    assert len(made) == 1


def _pair(files: CertificateFiles) -> tuple[Path, Path]:
    return files.certificate, files.key
