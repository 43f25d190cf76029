"""Puts what benchmarks measured into `deploy/figures.json`, from which sizes and thresholds are computed.

python tests/benchmarks/national.py [--documents FILE] [--reads FILE] [--lines FILE] [--growth FILE] [--partitions FILE]

Each file is what `--json` of a benchmark wrote: `main_job.py` (its load `fast`), `reading.py`, `reimbursements.py`,
`growth.py`, `partitions.py`. Figures without a file stay. `python -m deploy.generate` then writes the pages and the
manifests anew.
"""

import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson
import typer

from tests.benchmarks.figures import ASIDE

FIGURES: Final = Path(__file__).parents[2] / "deploy" / "figures.json"
SERVERS: Final = {"postgres": "PostgreSQL", "kafka": "Kafka"}
LEAST_MS: Final = 0.1
"""A process that takes less for a document has no part in it."""
EXTRACT: Final = "records-extract"
"""Its figures come from `extraction.py` and a look at its memory."""
Sample = Mapping[str, Any]


def of_documents(measured: Any) -> dict[str, Any]:
    """Returns the figures of `main_job.py`: its last load is as fast as it goes."""
    fast: Sample = measured["services"][-1]
    if fast["offered"] is not None:
        raise typer.BadParameter("the last load of main_job.py must be `fast`")
    spent = {_name(process): s * 1000 / fast["documents"] for process, s in fast["cpu"].items() if process not in ASIDE}
    return {
        "documents_per_s": round(fast["sustained"]),
        "cpu_ms_per_document": {name: round(ms, 1) for name, ms in spent.items() if ms >= LEAST_MS},
        "messages_per_document": round(fast["work"]["messages"], 1),
        "memory_mib": _memory(fast),
        "machine": _machine(fast),
    }


def of_reads(measured: Any) -> dict[str, Any]:
    """Returns the figures of `reading.py`."""
    cost = {"records-api": measured["read_api"], "PostgreSQL": measured["read_postgres"]}
    return {"cpu_ms_per_read": {name: round(ms, 1) for name, ms in cost.items()}}


def of_lines(measured: Any) -> dict[str, Any]:
    """Returns the figures of `reimbursements.py`: its last run, beside the stored lines."""
    run = measured["runs"][-1]
    cost = {"records-worker": run["cpu_s"], "PostgreSQL": run["database_cpu_s"]}
    return {"cpu_ms_per_line": {name: round(s * 1000 / run["lines"], 3) for name, s in cost.items()}}


def of_growth(measured: Any) -> dict[str, Any]:
    """Returns the figures of `growth.py`: CPU of a document, by how many are stored.

    Commits and write-ahead log are those beside the most: at its pace less is done together than at full speed.
    """
    work = [sample["work"] for sample in measured[-1]["samples"]]
    return {
        "cpu_ms_beside_stored": {str(each["stored"]): _cost(each["samples"]) for each in measured},
        "commits_per_document": round(statistics.median(each["commits"] for each in work), 1),
        "wal_kib_per_document": round(statistics.median(each["wal_kb"] for each in work) * 1000 / 1024, 1),
    }


def of_partitions(measured: Any) -> dict[str, Any]:
    """Returns the figures of `partitions.py`: CPU of a document at one pace, by partitions and workers."""
    return {"cpu_ms_with_workers": {str(each["workers"]): _cost(each["paced"]) for each in measured}}


PARTS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "documents": of_documents,
    "reads": of_reads,
    "lines": of_lines,
    "growth": of_growth,
    "partitions": of_partitions,
}


def _cost(samples: list[Sample]) -> float:
    costs: list[float] = [sample["cpu_ms_per_document"] for sample in samples]
    return round(statistics.median(costs), 1)


def _memory(sample: Sample) -> dict[str, int]:
    """Returns the most that each process of the services held."""
    bytes_held = {name: most for name, (_, most) in sample["memory"].items() if name not in {*ASIDE, *SERVERS}}
    return {name: round(most / 2**20) for name, most in bytes_held.items()}


def _machine(sample: Sample) -> str:
    before, after = sorted(sample["pace"])
    return f"two cores shared with others; a fixed piece of work took {before:.1f} to {after:.1f} ms of CPU"


def _name(process: str) -> str:
    return SERVERS.get(process, process)


File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False)]


def _with_kept(before: Any, measured: Any) -> Any:
    """Returns a measured figure; by process, with what the run did not measure: the process that reads documents."""
    if isinstance(before, dict) and EXTRACT in before:
        return {**measured, EXTRACT: before[EXTRACT]}
    return measured


def main(
    documents: File = None, reads: File = None, lines: File = None, growth: File = None, partitions: File = None
) -> None:
    """Write the figures of these files into deploy/figures.json."""
    files = {"documents": documents, "reads": reads, "lines": lines, "growth": growth, "partitions": partitions}
    figures: dict[str, Any] = orjson.loads(FIGURES.read_bytes())
    for name, file in files.items():
        if file is not None:
            measured = PARTS[name](orjson.loads(file.read_bytes()))
            figures |= {key: _with_kept(figures.get(key), value) for key, value in measured.items()}
    FIGURES.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    typer.run(main)
