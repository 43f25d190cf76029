"""Lines of the public medicine files: what is read, and why a line is not."""

import pytest

from services.records.medicines.domain.public_files import (
    ClassLine,
    FileKind,
    MedicineLine,
    MedicineLineError,
    PackageLine,
    PublicLine,
    SubstanceLine,
    kind_of_file,
    parse_line,
)


@pytest.mark.parametrize(
    ("kind", "line", "parsed"),
    [
        ("medicines", "60000001\tINVENTAMOL 500 mg, comprimé\tcomprimé\torale", MedicineLine),
        ("packages", "60000001\t3000001\tboîte\tactive\tdéclarée\t01/01/2020\t3400930000017\toui\t65%", PackageLine),
        ("packages", "60000001\t3000001\tboîte\tactive\tdéclarée\t01/01/2020\t", PackageLine),
        (
            "substances",
            "60000001\tcomprimé\t02202\tINVENTOL (CHLORHYDRATE D')\t500 mg\tun comprimé\tSA\t1",
            SubstanceLine,
        ),
        ("substances", "60000001\tcomprimé\t02203\tINVENTOL\t\t\tFT\t1\t", SubstanceLine),
        ("classes", "60000001\tn02be01\tINVENTAMOL\thttps://example.org", ClassLine),
    ],
)
def test_a_line_of_each_file_is_read(kind: FileKind, line: str, parsed: type[PublicLine]) -> None:
    assert isinstance(parse_line(kind, line), parsed)


def test_values_are_read_without_blanks_and_salts_are_linked_to_their_active_moiety() -> None:
    line = parse_line("substances", " 60000001 \tcomprimé\t02202 \t INVENTOL \t\t\tFT\t12")
    assert line == SubstanceLine("60000001", "02202", "INVENTOL", True, 12)
    package = parse_line("packages", "60000001\t3000001\tb\ta\td\t01/01/2020\t3400930000017")
    assert package == PackageLine("60000001", ("3000001", "3400930000017"))


@pytest.mark.parametrize(
    ("kind", "line", "reason"),
    [
        ("medicines", "", "cis-invalid"),
        ("medicines", "suite d'une ligne", "cis-invalid"),
        ("medicines", "6000001\tNOM", "cis-invalid"),
        ("medicines", "60000001", "fields-missing"),
        ("medicines", "60000001\t", "fields-missing"),
        ("medicines", f"60000001\t{'N' * 501}", "name-too-long"),
        ("packages", "60000001\t3000001", "fields-missing"),
        ("packages", "60000001\t30\tb\ta\td\t01/01/2020\t34009", "cip-invalid"),
        ("substances", "60000001\tcomprimé\t02202\tNOM", "fields-missing"),
        ("substances", "60000001\tcomprimé\tX\tNOM\t\t\tSA\t1", "substance-invalid"),
        ("substances", "60000001\tcomprimé\t02202\tNOM\t\t\tZZ\t1", "nature-unknown"),
        ("substances", "60000001\tcomprimé\t02202\tNOM\t\t\tSA\tx", "link-invalid"),
        ("classes", "60000001", "fields-missing"),
        ("classes", "60000001\tN02-BE", "atc-invalid"),
    ],
)
def test_a_line_that_cannot_be_taken_says_why(kind: FileKind, line: str, reason: str) -> None:
    with pytest.raises(MedicineLineError) as refused:
        parse_line(kind, line)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CIS_bdpm.txt", "medicines"),
        ("2026-11_CIS_CIP_bdpm_utf8.txt", "packages"),
        ("cis_compo_bdpm.txt", "substances"),
        ("CIS_MITM.txt", "classes"),
        ("CIS_GENER_bdpm.txt", None),
        ("notes.txt", None),
    ],
)
def test_files_are_recognised_by_their_published_names(name: str, kind: FileKind | None) -> None:
    assert kind_of_file(name) == kind
