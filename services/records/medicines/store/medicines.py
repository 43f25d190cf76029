"""Stores lines of the public medicine files, and finds medicines by their codes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from services.records.medicines.domain.medicines import KnownMedicines, Medicine, MedicineSubstance, common_substances
from services.records.medicines.domain.names import names_of_substance
from services.records.medicines.domain.public_files import (
    ClassLine,
    FileKind,
    MedicineLine,
    PackageLine,
    PublicLine,
    SubstanceLine,
)
from shared.db.pool import Connection

INSERT_MEDICINES = """
insert into medicines (table_id, cis, name) select $1, cis, name from unnest($2::text[], $3::text[]) as line(cis, name)
on conflict do nothing"""
INSERT_PACKAGES = """
insert into medicine_packages (table_id, cip, cis)
select $1, cip, cis from unnest($2::text[], $3::text[]) as line(cip, cis) on conflict do nothing"""
INSERT_SUBSTANCES = """
insert into medicine_substances (table_id, cis, link, code, name)
select $1, cis, link, code, name
from unnest($2::text[], $3::integer[], $4::text[], $5::text[]) as line(cis, link, code, name) on conflict do nothing"""
INSERT_CLASSES = """
insert into medicine_classes (table_id, cis, atc)
select $1, cis, atc from unnest($2::text[], $3::text[]) as line(cis, atc) on conflict do nothing"""
# A medicine of one substance without classes of its own has those of the medicines with that substance alone.
SELECT_BY_CODE = """
with wanted as materialized (
  select code, m.cis
  from unnest($2::text[]) as code join medicines m on m.table_id = $1 and m.cis = code
  union
  select code, p.cis
  from unnest($2::text[]) as code join medicine_packages p on p.table_id = $1 and p.cip = code
)
select wanted.code, m.cis, m.name,
  array(select c.atc from medicine_classes c where c.table_id = $1 and c.cis = m.cis) as atc,
  array(select s.link || '|' || s.code || '|' || s.name
        from medicine_substances s where s.table_id = $1 and s.cis = m.cis) as substances
from wanted join medicines m on m.table_id = $1 and m.cis = wanted.cis"""
SELECT_IMPLIED = """
select mine.code, array_agg(distinct c.atc) as atc
from unnest($2::text[]) as mine(code)
join medicine_substances s on s.table_id = $1 and s.code = mine.code
join medicine_classes c on c.table_id = $1 and c.cis = s.cis
where not exists (
  select from medicine_substances other
  where other.table_id = $1 and other.cis = s.cis and other.link <> s.link
)
group by mine.code"""
SELECT_BY_ATC = """
select distinct c.atc, c.cis,
  array(select s.link || '|' || s.code || '|' || s.name
        from medicine_substances s where s.table_id = $1 and s.cis = c.cis order by s.link, s.code) as substances
from unnest($2::text[]) as wanted(atc) join medicine_classes c on c.table_id = $1 and c.atc = wanted.atc"""


async def insert_lines(connection: Connection, table_id: UUID, kind: FileKind, lines: Sequence[PublicLine]) -> None:
    """Stores lines of one of the files; what stands there already is left out."""
    match kind:
        case "medicines":
            named = [line for line in lines if isinstance(line, MedicineLine)]
            await _insert(connection, INSERT_MEDICINES, table_id, [(line.cis, line.name) for line in named])
        case "packages":
            packages = [line for line in lines if isinstance(line, PackageLine)]
            codes = [(cip, line.cis) for line in packages for cip in line.cips]
            await _insert(connection, INSERT_PACKAGES, table_id, codes)
        case "substances":
            parts = [line for line in lines if isinstance(line, SubstanceLine)]
            rows = [(line.cis, line.link, line.code, line.name) for line in parts]
            await _insert(connection, INSERT_SUBSTANCES, table_id, rows)
        case "classes":
            classes = [line for line in lines if isinstance(line, ClassLine)]
            await _insert(connection, INSERT_CLASSES, table_id, [(line.cis, line.atc) for line in classes])


async def find_medicines(
    connection: Connection, table_id: UUID, codes: Collection[str], atc: Collection[str]
) -> KnownMedicines:
    """Returns the medicines with these codes (CIS, CIP7, CIP13), and the substances that these ATC codes mean."""
    by_code: dict[str, Medicine] = {}
    if codes:
        for row in await connection.fetch(SELECT_BY_CODE, table_id, list(codes)):
            by_code[row["code"]] = Medicine(
                row["cis"], row["name"], _substances(row["substances"]), frozenset(row["atc"])
            )
        by_code = await _with_implied_classes(connection, table_id, by_code)
    by_atc: dict[str, list[tuple[MedicineSubstance, ...]]] = defaultdict(list)
    if atc:
        for row in await connection.fetch(SELECT_BY_ATC, table_id, list(atc)):
            by_atc[row["atc"]].append(_substances(row["substances"]))
    return KnownMedicines(
        by_code, {code: meaning for code, each in by_atc.items() if (meaning := common_substances(each))}
    )


async def _with_implied_classes(
    connection: Connection, table_id: UUID, medicines: dict[str, Medicine]
) -> dict[str, Medicine]:
    lacking = [each for each in medicines.values() if not each.atc and len(each.substances) == 1]
    codes = {code for medicine in lacking for code in medicine.substances[0].codes}
    if not codes:
        return medicines
    implied = {row["code"]: row["atc"] for row in await connection.fetch(SELECT_IMPLIED, table_id, list(codes))}
    return {
        code: Medicine(
            medicine.cis,
            medicine.name,
            medicine.substances,
            frozenset(atc for each in medicine.substances[0].codes for atc in implied.get(each, ())),
        )
        if medicine in lacking
        else medicine
        for code, medicine in medicines.items()
    }


async def _insert(connection: Connection, statement: str, table_id: UUID, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        await connection.execute(statement, table_id, *[list(column) for column in zip(*rows, strict=True)])


def _substances(packed: Iterable[str]) -> tuple[MedicineSubstance, ...]:
    """Returns the substances of a medicine: the salt and the active moiety of one ingredient together."""
    by_link: dict[int, tuple[set[str], set[str]]] = {}
    for text in packed:
        link, code, name = text.split("|", 2)
        codes, names = by_link.setdefault(int(link), (set(), set()))
        codes.add(code)
        names.update(names_of_substance(name))
    return tuple(MedicineSubstance(frozenset(codes), frozenset(names)) for _, (codes, names) in sorted(by_link.items()))
