"""Files of reimbursements as the insurance sends them: invented lines, in CSV or Parquet, with their frame."""

import gzip
import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from services.records.reimbursements.adapters.files import COLUMNS, frame_of
from services.records.reimbursements.domain.line_errors import AmountError
from services.records.reimbursements.domain.parsing import parse_cents
from shared.terminology.oids import INS_NIR_TEST
from tests.infra.load.documents import Person

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Fields = dict[str, str]


def a_line(person: Person, number: int = 1, **changed: str) -> Fields:
    """Returns the fields of a medicine that was handed out, paid 25.30 and reimbursed 16.45."""
    return {
        "payer": "01751",
        "sheet": "2026-000123",
        "line": str(number),
        "version": "1",
        "operation": "new",
        "ins": person.ins,
        "ins_oid": INS_NIR_TEST,
        "care_from": "2026-10-05",
        "care_to": "2026-10-05",
        "kind": "medicine",
        "code": "3400930000120",
        "code_system": "CIP13",
        "label": "MÉDICAMENT INVENTÉ 500 mg, comprimé",
        "group_code": "N02BE01",
        "group_label": "Paracétamol",
        "ingredients": "paracétamol 500 mg",
        "quantity": "2",
        "prescriber_id": "899900000018",
        "prescriber_name": "DR CAMILLE INVENTÉE",
        "prescriber_specialty": "SM26",
        "performer_id": "899900000109",
        "performer_name": "PHARMACIE INVENTÉE",
        "facility": "",
        "confidential": "false",
        "amount_paid": "25.30",
        "amount_reimbursed": "16.45",
        "paid_on": "2026-10-12",
    } | changed


def csv_of(lines: Iterable[Mapping[str, str]], delimiter: str = ";") -> bytes:
    """Returns the lines as CSV, with all columns."""
    rows = [
        delimiter.join(COLUMNS.titles),
        *(delimiter.join(_quoted(line[name]) for name in COLUMNS.titles) for line in lines),
    ]
    return ("\n".join(rows) + "\n").encode()


def write_framed(path: Path, data: bytes, lines: Iterable[Mapping[str, str]], /, **stated: Any) -> Path:
    """Writes a file with its frame, which counts these lines; `stated`: what the frame says otherwise."""
    path.write_bytes(data)
    lines = list(lines)
    frame = {
        "lines": len(lines),
        "amount_paid": _sum(line.get("amount_paid", "") for line in lines),
        "amount_reimbursed": _sum(line.get("amount_reimbursed", "") for line in lines),
        "sha256": hashlib.sha256(data).hexdigest(),
        **stated,
    }
    frame_of(path).write_bytes(orjson.dumps(frame))
    return path


def write_csv(path: Path, lines: Iterable[Mapping[str, str]], /, **stated: Any) -> Path:
    """Writes the lines as CSV, packed as the name of the file says, with their frame."""
    lines = list(lines)
    data = csv_of(lines)
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstd.compress(data)
    return write_framed(path, data, lines, **stated)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ';"\t|,') else cell


def _sum(amounts: Iterable[str]) -> str:
    total = sum(_cents(amount) for amount in amounts)
    return f"{'-' if total < 0 else ''}{abs(total) // 100}.{abs(total) % 100:02d}"


def _cents(text: str) -> int:
    try:
        return parse_cents(text) or 0
    except AmountError:
        return 0
