"""Encrypts and decrypts archives. See `--help`, and docs/backup.md."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.crypto import archives
from shared.errors import CodedError

EXIT_DONE, EXIT_FAILED = 0, 1
ABOUT = """\
Encrypts standard input for public keys, and decrypts it with a private key, in the format of age. The private key is
made and kept where backups are neither made nor moved.

Exit codes: 0 done, 1 failed (what was written until then is to be thrown away), 2 usage.

Examples:
  python -m shared.crypto.archives new-key archives.key > archives.pub
  pg_dump ... | python -m shared.crypto.archives encrypt --to archives.pub > records.dump.age
  python -m shared.crypto.archives decrypt --key archives.key < records.dump.age | pg_restore ...
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options.file)
    except (CodedError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        sys.stderr.write(f"error: {options.file}: {reason}\n")
        return EXIT_FAILED
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.crypto.archives",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    new_key = commands.add_parser("new-key", help="write a new private key to FILE and print its public key")
    new_key.add_argument("file", type=Path, metavar="FILE")
    new_key.set_defaults(run=_new_key)
    encrypt = commands.add_parser("encrypt", help="encrypt standard input to standard output")
    encrypt.add_argument("--to", dest="file", type=Path, required=True, metavar="FILE", help="public keys, one a line")
    encrypt.set_defaults(run=_encrypt)
    decrypt = commands.add_parser("decrypt", help="decrypt standard input to standard output")
    decrypt.add_argument("--key", dest="file", type=Path, required=True, metavar="FILE", help="private keys")
    decrypt.set_defaults(run=_decrypt)
    return parser


def _new_key(file: Path) -> None:
    key = archives.new_private_key()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(f"{key}\n")
    print(key.to_public())


def _encrypt(file: Path) -> None:
    archives.encrypt(sys.stdin.buffer, sys.stdout.buffer, archives.read_public_keys(file))


def _decrypt(file: Path) -> None:
    archives.decrypt(sys.stdin.buffer, sys.stdout.buffer, archives.read_private_keys(file))


if __name__ == "__main__":
    sys.exit(main())
