"""Invented documents with many kinds of facts: what mutations spoil and what the benchmark reads."""

from functools import cache

from tests.infra.records.structured_cdas import (
    ACT_CODE,
    ATC,
    CCAM,
    CIM_10,
    EMDN,
    LOINC,
    SNOMED_35,
    a_structured_cda,
    agent,
    allergy,
    boolean,
    cd,
    code,
    component,
    device,
    linked,
    medicine,
    observation,
    pq,
    problem,
    problems,
    procedure,
    said,
    section,
    subject,
    template,
    time,
    treatment,
    words_at,
)

_INTERPRETATION = "2.16.840.1.113883.5.83"
_SPECIMEN_TYPE = "2.16.840.1.113883.5.129"
_ANALYSES = ("Urée", "Glucose", "Hémoglobine", "Plaquettes", "Sodium", "Potassium", "Créatinine", "Ferritine")


@cache
def synthesis(lines: int = 1) -> bytes:
    """Returns a synthesis with 14 facts for each of the lines, and its narrative."""
    numbers = range(lines)
    words = {f"{name}{n}": f"{text} {n}" for n in numbers for name, text in _WORDS.items()}
    return a_structured_cda(
        section("132", *map(_problems, numbers), title="Problèmes actifs", words=words),
        section("137", *map(_allergy, numbers), title="Allergies"),
        section("143", *map(_treatment, numbers), title="Traitements"),
        section("136", *map(_procedure, numbers), title="Actes"),
        section("147", *map(_vaccination, numbers), title="Vaccinations"),
        section("1", *(device(code("code", "J010104", EMDN, "Stimulateur", said(f"d{n}"))) for n in numbers)),
        section("77", *map(_pregnancy, numbers), title="Grossesses"),
        section("139", *map(_family, numbers), title="Antécédents familiaux"),
        section("157", *(observation(["54"], code("code", "42348-3", LOINC), boolean(True)) for _ in numbers)),
        section("158", *map(_plan, numbers), title="Plan de soins"),
        section("75", *map(_measures, numbers), title="Constantes"),
        section("150", words={"free": "Points de vigilance en toutes lettres"}),
    )


@cache
def laboratory_report(results: int = 4, letters: int = 0) -> bytes:
    """Returns a report with as many results, each with its earlier value, and its narrative of so many more letters."""
    numbers = range(results)
    words = {f"r{n}": f"{_ANALYSES[n % len(_ANALYSES)]} {n}" for n in numbers}
    words |= {f"more{n}": ("Interprétation du biologiste. " * 40)[:1000] for n in range(letters // 1000)}
    lines = "".join(component(_result(n)) for n in numbers)
    battery = f"<organizer>{template('78')}{code('code', '58410-2', LOINC, 'Hémogramme')}{lines}</organizer>"
    discipline = code("code", "18723-7", LOINC, "Hématologie")
    act = f"<act>{discipline}{linked('COMP', _sampling())}{linked('COMP', battery)}</act>"
    return a_structured_cda(section("70", act, title="HÉMATOLOGIE", words=words), type_code="11502-2")


_WORDS = {
    "p": "Asthme allergique suivi depuis l’enfance",
    "a": "Amoxicilline",
    "t": "DOLIPRANE 500 mg, gélule",
    "c": "Un comprimé matin et soir",
    "s": "Appendicectomie par cœlioscopie",
    "v": "Vaccin contre la grippe",
    "d": "Stimulateur cardiaque implantable",
    "g": "Oui",
    "f": "Diabète de la mère",
}


def _problems(n: int) -> str:
    severity = observation(["29"], code("code", "SEV", ACT_CODE), cd("M", "2.16.840.1.113883.5.1063", "Modéré"))
    certainty = observation(["171"], code("code", "66455-7", LOINC), cd("G-A000", SNOMED_35, "Confirmé"))
    first = problem(
        words_at(f"p{n}"),
        time(low="20190811"),
        cd("J45.0", CIM_10, "Asthme allergique", said(f"p{n}")),
        linked("SUBJ", severity, inverted=True),
        linked("SUBJ", certainty, inverted=True),
    )
    return problems(first, problem(time(low="2018", high="201901"), cd("N10", CIM_10, "Pyélonéphrite"), negated=True))


def _allergy(n: int) -> str:
    allergen = agent(code("code", "60002283", "1.2.250.1.213.2.3.1", "AMOXICILLINE", said(f"a{n}")))
    reaction = problem(cd("L50.0", CIM_10, "Urticaire"))
    return allergy(time(low="20200101"), cd("T78.3", CIM_10, "Œdème"), allergen, linked("MFST", reaction))


def _treatment(n: int) -> str:
    inside = said(f"t{n}") + code("translation", "N02BE01", ATC, "PARACETAMOL")
    material = code("code", "67119691", "1.2.250.1.213.2.3.1", "DOLIPRANE 500 mg, gélule", inside)
    rhythm = '<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="8" unit="h"/></effectiveTime>'
    dose = '<doseQuantity><low value="1" unit="{tablet}"/><high value="2" unit="{tablet}"/></doseQuantity>'
    route = code("routeCode", "PO", "2.16.840.1.113883.5.112", "Voie orale")
    product = medicine("67119691", "DOLIPRANE", name="DOLIPRANE 500 mg").replace(
        code("code", "67119691", "1.2.250.1.213.2.3.1", "DOLIPRANE"), material
    )
    return treatment(words_at(f"t{n}"), time(low="20200101", high="20200131"), rhythm, route, dose, product)


def _procedure(n: int) -> str:
    return procedure(code("code", "HHFA011", CCAM, "Appendicectomie", said(f"s{n}")), time("20080811"))


def _vaccination(n: int) -> str:
    number = observation(["82"], code("code", "30973-2", LOINC), '<value xsi:type="INT" value="2"/>')
    vaccine = medicine("62482112", "VAXIGRIP, vaccin grippal", "<lotNumberText>L1</lotNumberText>")
    return treatment(
        words_at(f"v{n}"), time("20201012"), vaccine, linked("SUBJ", number), numbers=["45"], negated=False
    )


def _pregnancy(n: int) -> str:
    return observation(["53"], code("code", "11449-6", LOINC, "Statut de grossesse"), words_at(f"g{n}"), boolean(True))


def _family(n: int) -> str:
    entry = observation(["51"], code("code", "G-1009", SNOMED_35), cd("E11", CIM_10, "Diabète", said(f"f{n}")))
    return f"<organizer>{template('59')}{subject('MTH')}{component(entry)}</organizer>"


def _plan(n: int) -> str:
    return procedure(code("code", "DEQP007", CCAM, "Surveillance"), time(f"2027{1 + n % 12:02d}"), mood="INT")


def _measures(_n: int) -> str:
    weight = observation(["50"], code("code", "29463-7", LOINC, "Poids"), pq("58", "kg"))
    height = observation(["50"], code("code", "8302-2", LOINC, "Taille"), time("20240402"), pq("1.60", "m"))
    return f"<organizer>{template('49')}{time('20240401')}{component(weight)}{component(height)}</organizer>"


def _sampling() -> str:
    entity = f"<playingEntity>{code('code', 'BLD', _SPECIMEN_TYPE, 'Sang')}</playingEntity>"
    role = f'<participantRole classCode="SPEC"><id root="1.2.3" extension="S-1"/>{entity}</participantRole>'
    return procedure(time("202003120735+0100"), f'<participant typeCode="PRD">{role}</participant>', numbers=["77"])


def _result(n: int) -> str:
    loinc, label = f"{1000 + n}-{n % 10}", f"{_ANALYSES[n % len(_ANALYSES)]} [Masse/Volume] Sérum/Plasma ; Numérique"
    bounds = '<value xsi:type="IVL_PQ"><low value="3.50" unit="mmol/L"/><high value="8" unit="mmol/L"/></value>'
    normal = code("interpretationCode", "N", _INTERPRETATION, "Normal")
    earlier = observation([], code("code", loinc, LOINC, label), time("20190912"), pq("8.5", "mmol/L"))
    return observation(
        ["1.3.6.1.4.1.19376.1.3.1.6", "80"],
        f'<id root="0190a1b2-c3d4-8e5f-8a6b-{n:012x}"/>',
        code("code", loinc, LOINC, label, said(f"r{n}")),
        '<statusCode code="completed"/>',
        time("20200312101000+0100"),
        pq(f"{n}.02", "mmol/L", '<translation value="0.60" code="g/L"/>'),
        code("interpretationCode", "H", _INTERPRETATION, "Anormalement haut"),
        code("methodCode", "0064", "2.16.840.1.113883.5.84", "Electrophoresis"),
        _LABORATORY,
        linked("REFR", earlier),
        linked(
            "COMP", f"<act>{template('32')}{code('code', '48767-8', LOINC, 'Commentaire')}{words_at(f'r{n}')}</act>"
        ),
        f'<referenceRange typeCode="REFV"><observationRange>{bounds}{normal}</observationRange></referenceRange>',
    )


_LABORATORY = (
    '<performer typeCode="PRF"><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="899900000018"/>'
    f"{code('code', 'G15_10/SM03', '1.2.250.1.213.1.1.4.5', 'Médecin - Biologie médicale (SM)')}"
    "<addr><houseNumber>1</houseNumber><streetName>rue Inventée</streetName><postalCode>75000</postalCode>"
    '<city>PARIS</city></addr><telecom value="tel:0100000000" use="WP"/>'
    "<assignedPerson><name><prefix>DR</prefix><given>Camille</given><family>INVENTÉE</family></name></assignedPerson>"
    '<representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1990000001"/>'
    "<name>Laboratoire inventé</name></representedOrganization></assignedEntity></performer>"
)
