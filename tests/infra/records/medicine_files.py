"""Small invented files in the form of the public medicine files, and a table of interactions."""

from pathlib import Path
from typing import Final

MEDICINES: Final = [
    "60000001\tAMOXINVENT 500 mg, gélule\tgélule\torale\tAutorisation active\t\tCommercialisée",
    "60000002\tCODINVENT, comprimé\tcomprimé\torale\tAutorisation active\t\tCommercialisée",
    "60000003\tPENINVENT à l’œil, collyre\tcollyre\tophtalmique\tAutorisation active\t\tCommercialisée",
    "60000004\tAMOXIGENERIQUE 1 g, comprimé\tcomprimé\torale\tAutorisation active\t\tCommercialisée",
]
PACKAGES: Final = [
    "60000001\t3000001\tplaquette de 12\tactive\tdéclarée\t01/02/2020\t3400930000017\toui\t65%\t4,50",
    "60000002\t3000002\tplaquette de 16\tactive\tdéclarée\t01/02/2020\t3400930000024",
    *[f"60000004\t30001{number:02}\tboîte\tactive\tdéclarée\t01/02/2020\t" for number in range(10)],
    "60000009\tX\tplaquette\tactive\tdéclarée\t01/02/2020\tY",
]
SUBSTANCES: Final = [
    "60000001\tgélule\t02216\tAMOXICILLINE TRIHYDRATÉE\t\t\tSA\t1",
    "60000001\tgélule\t02215\tAMOXICILLINE\t500 mg\tune gélule\tFT\t1",
    "60000002\tcomprimé\t02202\tPARACÉTAMOL\t400 mg\tun comprimé\tSA\t1",
    "60000002\tcomprimé\t01234\tCODÉINE (PHOSPHATE DE) HÉMIHYDRATÉ\t20 mg\tun comprimé\tSA\t2",
    "60000002\tcomprimé\t01234\tCODÉINE (PHOSPHATE DE) HÉMIHYDRATÉ\t20 mg\tun comprimé\tSA\t2",
    "60000004\tcomprimé\t02215\tAMOXICILLINE\t1 g\tun comprimé\tSA\t1",
]
CLASSES: Final = [
    "60000001\tJ01CA04\tAMOXINVENT 500 mg, gélule\thttps://medicines.example/60000001",
    "60000002\tN02AJ06\tCODINVENT, comprimé\thttps://medicines.example/60000002",
]
FILES: Final = {
    "CIS_bdpm.txt": (MEDICINES, "cp1252", "\r\n"),
    "CIS_CIP_bdpm.txt": (PACKAGES, "utf-8", "\n"),
    "CIS_COMPO_bdpm.txt": (SUBSTANCES, "latin-1", "\r\r\n"),
    "CIS_MITM.txt": (CLASSES, "latin-1", "\r\n"),
}
PAIRS: Final = [
    "first;second;level;risk;risk_en;advice;advice_en",
    "inventols;PLACEBINE;CONTRE-INDICATION;un risque « grave »;a severe risk;Ne pas associer.;",
    "inventols;inventols;À prendre en compte;une addition;;;",
]
MEMBERS: Final = ["group;substance;atc", "Inventols;INVENTOL;N99AA01", "inventols;;N98", "placebine;PLACEBINE;N97AA01"]


def write_medicines(folder: Path, **changed: list[str]) -> Path:
    """Writes the four files; `changed`: other lines of a file, by the middle of its name."""
    folder.mkdir(exist_ok=True)
    for name, (lines, encoding, end) in FILES.items():
        stem = name.removesuffix(".txt").lower()
        content = "".join(line + end for line in changed.get(stem, lines))
        (folder / name).write_bytes(content.encode(encoding))
    return folder


def write_interactions(folder: Path, pairs: list[str] = PAIRS, members: list[str] = MEMBERS) -> tuple[Path, Path]:
    """Writes a table of interactions: its pairs and its members."""
    paths = folder / "pairs.csv", folder / "members.csv"
    for path, lines in zip(paths, (pairs, members), strict=True):
        path.write_text("\n".join(lines) + "\n", "cp1252")
    return paths
