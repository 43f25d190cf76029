"""The rules that keep a patient safe when facts are read, on small invented documents."""

import pytest

from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.model import (
    CODE_TEXT_DISAGREE,
    IMPOSSIBLE_DATE,
    NAMES_DISAGREE,
    SYSTEM_UNKNOWN,
    ClinicalFact,
    FactKind,
)
from services.records.clinical_facts.domain.values import (
    CodedValue,
    FactTime,
    Quantity,
    QuantityRange,
    QuantityRatio,
    TextValue,
    TimeValue,
)
from shared.runtime import clock
from tests.infra.records.structured_cdas import (
    ACT_CODE,
    ATC,
    CCAM,
    CIM_10,
    CIS,
    EMDN,
    IPS_ABSENT,
    LOINC,
    NO_TIME,
    NONE_SYSTEM,
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
    product,
    result,
    said,
    section,
    statement,
    subject,
    template,
    time,
    treatment,
    words_at,
)

VERSION = clock.new_id(bucket=3)
ASTHMA = cd("J45", CIM_10, "Asthme")
NONE = ("02276797", NONE_SYSTEM, "Aucun")
SPECIMEN_TYPE = "2.16.840.1.113883.5.129"
UNKNOWN_SYSTEM = "1.2.3.4.5"


def facts(*sections: str) -> list[ClinicalFact]:
    extraction = extract(a_structured_cda(*sections), "text/xml", VERSION)
    assert extraction.outcome in ("read", "none")
    return list(extraction.facts)


def kinds(*sections: str) -> list[str]:
    return [fact.kind.value for fact in facts(*sections)]


def only(*sections: str) -> ClinicalFact:
    (fact,) = facts(*sections)
    return fact


def label(fact: ClinicalFact) -> str | None:
    return fact.code.label if fact.code is not None else None


def no_known(number: str, what: str) -> str:
    return observation([number], code("code", f"no-known-{what}", IPS_ABSENT), '<value xsi:type="CD" nullFlavor="NA"/>')


# Problems


def test_a_problem_is_one_of_a_list_and_an_observation_of_the_examination_a_finding() -> None:
    assert kinds(section("132", problems(problem(ASTHMA)), problem(ASTHMA))) == ["problem", "finding"]


@pytest.mark.parametrize("relationship", ["MFST", "CAUS", "RSON"])
def test_a_reaction_a_cause_and_a_reason_are_no_problems(relationship: str) -> None:
    within = problem(cd("I10", CIM_10, "Hypertension"), linked(relationship, problem(ASTHMA), inverted=True))
    assert label(only(section("132", problems(within)))) == "Hypertension"
    act = statement("act", ["39"], '<code nullFlavor="NA"/>', linked(relationship, problem(ASTHMA)))
    assert facts(section("132", act)) == []


def test_a_negation_holds_for_its_own_element() -> None:
    first, second = facts(section("132", problems(problem(ASTHMA, negated=True), problem(cd("I10", CIM_10, "HTA")))))
    assert (first.is_positive, second.is_positive) == (False, True)
    act = problems(problem(ASTHMA)).replace('<act moodCode="EVN">', '<act moodCode="EVN" negationInd="true">')
    assert only(section("132", act)).is_positive


def test_site_side_certainty_severity_and_comments_travel_with_a_problem() -> None:
    side = f"<qualifier>{code('name', 'G-C197', SNOMED_35, 'Latéralité')}{code('value', 'G-A100', SNOMED_35, 'Droite')}"
    fact = only(
        section(
            "132",
            problems(
                problem(
                    ASTHMA,
                    code("targetSiteCode", "T-28000", SNOMED_35, "Poumon", f"{side}</qualifier>"),
                    linked(
                        "SUBJ", observation(["171"], code("code", "66455-7", LOINC), cd("confirmed", UNKNOWN_SYSTEM))
                    ),
                    linked("SUBJ", observation(["29"], code("code", "SEV", ACT_CODE), cd("M", ACT_CODE, "Modéré"))),
                    linked("SUBJ", statement("act", ["32"], code("code", "48767-8", LOINC), words_at("c1"))),
                )
            ),
            words={"c1": "Suivi annuel"},
        )
    )
    assert [site.label for site in fact.site] == ["Poumon"]
    assert fact.side is not None
    assert fact.side.label == "Droite"
    assert fact.certainty is not None
    assert fact.certainty.text == "confirmed"
    assert fact.severity is not None
    assert fact.severity.label == "Modéré"
    assert fact.comments == ("Suivi annuel",)


def test_a_refuted_problem_is_not_positive() -> None:
    certainty = observation(["171"], code("code", "66455-7", LOINC), cd("refuted", "2.16.840.1.113883.4.642.1.1075"))
    assert not only(section("132", problems(problem(ASTHMA, linked("SUBJ", certainty))))).is_positive


def test_two_sides_are_two_facts() -> None:
    sites = [code("targetSiteCode", f"T-{n}", SNOMED_35, eye) for n, eye in enumerate(("Oeil droit", "Oeil gauche"))]
    right, left = facts(section("75", observation(["50"], code("code", "79892-6", LOINC), *sites, pq("15", "mm[Hg]"))))
    assert [fact.side.text for fact in (right, left) if fact.side is not None] == ["droit", "gauche"]
    assert right.id != left.id


# Absence


@pytest.mark.parametrize(
    ("kind", "entry"),
    [
        (FactKind.ALLERGY, allergy(cd(*NONE))),
        (FactKind.ALLERGY, allergy(agent(code("code", *NONE)))),
        (FactKind.TREATMENT, treatment(medicine("02276797", "Aucun", system=NONE_SYSTEM))),
        (FactKind.VACCINATION, treatment(medicine("02276797", "Aucun", system=NONE_SYSTEM), numbers=["45"])),
        (FactKind.DEVICE, device(code("code", *NONE))),
        (FactKind.PROCEDURE, procedure(code("code", *NONE))),
        (FactKind.PROBLEM, problems(problem(cd("no-known-problems", IPS_ABSENT)))),
        (FactKind.ALLERGY, allergy(cd("no-known-allergies", "2.16.840.1.113883.5.1150"))),
        (FactKind.ALLERGY, allergy(agent(code("code", "716186003", "2.16.840.1.113883.6.96", "No known allergy")))),
        (FactKind.PROCEDURE, procedure(code("code", "no-known-procedures", UNKNOWN_SYSTEM))),
        (FactKind.ALLERGY, no_known("41", "allergies")),
        (FactKind.PROBLEM, problems(no_known("37", "problems"))),
        (FactKind.PREGNANCY, no_known("53", "pregnancies")),
    ],
)
def test_a_coded_absence_is_a_none_with_its_scope_and_never_a_positive(kind: FactKind, entry: str) -> None:
    fact = only(section("137", entry, title="Constaté pendant le séjour"))
    assert (fact.kind, fact.statement, fact.scope) == (kind, "none", "Constaté pendant le séjour")
    assert not fact.is_positive


@pytest.mark.parametrize(
    "entry",
    [
        allergy(cd("no-allergy-info", IPS_ABSENT)),
        treatment(medicine("no-medication-info", "", system=IPS_ABSENT)),
        problems(problem(cd("no-problem-info", IPS_ABSENT))),
    ],
)
def test_what_is_coded_as_not_known_is_an_unknown(entry: str) -> None:
    assert only(section("137", entry)).statement == "unknown"


def test_a_none_beside_a_positive_leaves_the_positive() -> None:
    both = section("137", allergy(cd(*NONE)), allergy(agent(code("code", "60002283", CIS, "AMOXICILLINE"))))
    assert [fact.statement for fact in facts(both)] == ["none", "stated"]


@pytest.mark.parametrize(
    "entry",
    [
        problems(problem('<value xsi:type="CD" nullFlavor="UNK"/>')),
        problems(problem('<value xsi:type="ST">-</value>')),
        problems(problem('<value xsi:type="CD"><originalText><reference value="#nowhere"/></originalText></value>')),
        problems(),
        procedure('<code nullFlavor="NA"/>', words_at("w")),
        treatment(product('<code nullFlavor="NA"/><name nullFlavor="NA"/>')),
        treatment(numbers=["47"], mood="INT"),
        result("718-7", "Hémoglobine", ""),
        result("718-7", "Hémoglobine", '<value xsi:type="PQ" nullFlavor="NAV"/>'),
        device('<code nullFlavor="UNK"/>'),
        observation(["51"], code("code", "G-1009", SNOMED_35), '<value xsi:type="ST">-</value>'),
    ],
)
def test_what_has_no_code_value_or_allergen_is_no_fact(entry: str) -> None:
    assert facts(section("132", entry, words={"w": "Aucun antécédent"})) == []


def test_the_absence_of_entries_is_never_a_none() -> None:
    extraction = extract(a_structured_cda(section("137", words={"w": "Aucune allergie"})), "text/xml", VERSION)
    assert (extraction.outcome, extraction.facts, extraction.text_only) == ("none", (), 1)


def test_an_answer_by_false_says_no_without_a_negation() -> None:
    no, yes = facts(
        section(
            "77",
            observation(["53"], code("code", "MED-279", "1.2.250.1.213.1.1.4.322", "Allaitement"), boolean(False)),
            observation(["53"], code("code", "11449-6", LOINC, "Statut de grossesse"), boolean(True)),
        )
    )
    assert [(fact.negated, fact.is_positive) for fact in (no, yes)] == [(False, False), (False, True)]


# Allergies


def test_without_an_allergen_an_allergy_is_text_only_and_never_a_positive() -> None:
    urticaria = section("137", allergy(cd("T78.3", CIM_10, "Urticaire")))
    extraction = extract(a_structured_cda(urticaria), "text/xml", VERSION)
    assert (extraction.facts, extraction.text_only) == ((), 1)


def test_a_value_that_names_a_substance_is_the_allergen_where_none_takes_part() -> None:
    assert label(only(section("137", allergy(cd("C-F0120", SNOMED_35, "Gluten"))))) == "Gluten"


def test_beside_the_allergen_the_value_is_its_reaction_and_a_negated_reaction_stays_one() -> None:
    no_oedema = problem(cd("T78.3", CIM_10, "Œdème"), negated=True)
    fact = only(
        section(
            "137",
            allergy(cd("L50.0", CIM_10, "Urticaire"), agent("<name>Noisette</name>"), linked("MFST", no_oedema)),
        )
    )
    assert label(fact) == "Noisette"
    reactions = [(reaction.manifestation.label, reaction.negated) for reaction in fact.reactions]
    assert reactions == [("Urticaire", False), ("Œdème", True)]
    assert fact.is_positive


def test_an_absent_reaction_is_none_and_leaves_the_allergen_positive() -> None:
    amoxicillin = agent(code("code", "60002283", CIS, "AMOXICILLINE"))
    fact = only(section("137", allergy(cd(*NONE), amoxicillin, linked("MFST", problem(cd(*NONE))))))
    assert (label(fact), fact.is_positive, fact.reactions) == ("AMOXICILLINE", True, ())


def test_an_adverse_effect_names_its_medicine_which_is_no_treatment() -> None:
    entry = observation(
        ["210"],
        code("code", "79899007", "2.16.840.1.113883.6.96"),
        linked("COMP", treatment(medicine("60002283", "AMOXICILLINE"))),
        linked("MFST", problem(cd("R11", CIM_10, "Nausées"))),
    )
    fact = only(section("247", entry))
    assert (fact.kind, label(fact)) == (FactKind.ADVERSE_EFFECT, "AMOXICILLINE")
    assert [reaction.manifestation.label for reaction in fact.reactions] == ["Nausées"]


# Other persons


@pytest.mark.parametrize(
    "part",
    [
        section("132", problems(problem(ASTHMA, subject()))),
        section("132", problems(problem(ASTHMA)).replace("<entryRelationship", f"{subject()}<entryRelationship", 1)),
        section("132", problems(problem(ASTHMA)), more=subject()),
        section("132", f"<organizer>{subject()}{component(result('718-7', 'Hb', pq('9', 'g/dL')))}</organizer>"),
        section("143", treatment(subject(), medicine("60002283", "AMOXICILLINE"))),
    ],
)
def test_what_stands_under_a_subject_is_about_another_person(part: str) -> None:
    extraction = extract(a_structured_cda(part), "text/xml", VERSION)
    assert (extraction.facts, extraction.text_only) == ((), 1)


def test_family_history_has_its_relation_and_is_never_the_patients() -> None:
    relative = observation(["51"], code("code", "G-1009", SNOMED_35), ASTHMA)
    organizer = (
        f"<organizer>{template('59')}{subject('MTH')}{component(relative)}{component(problem(ASTHMA))}</organizer>"
    )
    fact = only(section("139", organizer))
    assert (fact.kind, fact.relation.codings[0].code if fact.relation else None) == (FactKind.FAMILY, "MTH")


# Systems and contradictions


def test_a_system_goes_by_its_oid_and_not_by_its_name() -> None:
    named = ASTHMA.replace("<value", '<value codeSystemName="SNOMED CT"')
    fact = only(section("132", problems(problem(named))))
    assert fact.code is not None
    assert [coding.system for coding in fact.code.codings] == [CIM_10]
    assert [
        label(only(section("136", procedure(code("code", "DDAF004", oid))))) for oid in (CCAM, "1.2.250.1.215.300.1")
    ]


def test_a_code_of_an_unknown_system_stays_text_and_is_marked() -> None:
    fact = only(section("132", problems(problem(cd("X1", UNKNOWN_SYSTEM, "Asthme sévère")))))
    assert fact.code is not None
    assert (fact.code.codings, fact.code.text, fact.marks) == ((), "Asthme sévère", (SYSTEM_UNKNOWN,))


@pytest.mark.parametrize(
    ("words", "negated", "is_marked"),
    [
        *(("Oui", True, True), ("oui (sévère)", True, True), ("Non", False, True), ("0", False, True)),
        *(("Non", True, False), ("Oui", False, False), ("Asthme non grave", False, False), ("Asthme", True, False)),
    ],
)
def test_words_that_say_the_contrary_of_the_code_mark_the_fact(words: str, negated: bool, is_marked: bool) -> None:
    value = cd("J45", CIM_10, "Asthme", said("w"))
    fact = only(section("132", problems(problem(value, negated=negated)), words={"w": words}))
    assert fact.negated is negated
    assert (CODE_TEXT_DISAGREE in fact.marks) is is_marked


def test_a_medicine_whose_words_name_another_is_marked_and_its_code_counts() -> None:
    other = agent(code("code", "66484819", CIS, "OFLOCET 200 mg", said("w")) + "<name>Paracétamol</name>")
    fact = only(section("137", allergy(other), words={"w": "Paracétamol"}))
    assert (label(fact), fact.marks) == ("OFLOCET 200 mg", (CODE_TEXT_DISAGREE,))
    same = agent(
        code("code", "67721153", CIS, "DAFALGAN", said("w") + code("translation", "N02BE01", ATC, "PARACETAMOL"))
    )
    assert only(section("137", allergy(same), words={"w": "Paracétamol"})).marks == ()


def test_an_ingredient_whose_name_differs_from_its_code_is_marked() -> None:
    def ingredient(name: str) -> str:
        inner = code("pharm:code", "100000091647", "2.16.840.1.113883.3.6905.2", "LÉVOTHYROXINE SODIQUE")
        return (
            '<pharm:ingredient><pharm:quantity><numerator value="75" unit="ug"/><denominator value="1"/>'
            f"</pharm:quantity><pharm:ingredient>{inner}<pharm:name>{name}</pharm:name></pharm:ingredient></pharm:ingredient>"
        )

    wrong = only(section("143", treatment(medicine("62080626", "LEVOTHYROX", ingredient("paracetamol")))))
    right = only(section("143", treatment(medicine("62080626", "LEVOTHYROX", ingredient("lévothyroxine sodique")))))
    assert (wrong.marks, right.marks) == ((NAMES_DISAGREE,), ())
    assert right.treatment is not None
    strength = right.treatment.ingredients[0].strength
    assert strength == QuantityRatio(Quantity("75", "ug"), Quantity("1"))


# Times


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2019", "2019"),
        ("201903", "2019-03"),
        ("20190312", "2019-03-12"),
        ("201903120930+0100", "2019-03-12T09:30+01:00"),
        ("20190712093000", "2019-07-12T09:30:00+02:00"),
    ],
)
def test_a_time_keeps_its_precision(written: str, read: str) -> None:
    assert only(section("136", procedure(code("code", "DDAF004", CCAM), time(written)))).time == FactTime(read)


@pytest.mark.parametrize("written", ["20092012", "20190230", "19000000", "99999999", "hier"])
def test_a_date_that_does_not_exist_is_unknown_never_that_of_the_document(written: str) -> None:
    fact = only(section("136", procedure(code("code", "DDAF004", CCAM), time(written))))
    assert (fact.time, fact.marks) == (None, (IMPOSSIBLE_DATE,))


def test_a_treatment_without_an_end_has_an_unknown_end_although_it_is_completed() -> None:
    fact = only(section("143", treatment(time(low="20200101"), medicine("63564053", "PLAVIX 75 mg"))))
    assert fact.time == FactTime(start="2020-01-01", end_unknown=True)
    assert fact.status == "stated"


def test_a_measure_has_its_own_time_else_that_of_its_group_else_none() -> None:
    def group(of_group: str, own: str) -> FactTime | None:
        weight = observation(["50"], code("code", "29463-7", LOINC, "Poids"), own, pq("58", "kg"))
        return only(section("75", f"<organizer>{template('49')}{of_group}{component(weight)}</organizer>")).time

    assert group(time("2020"), time("2021")) == FactTime("2021")
    assert group(time("2020"), NO_TIME) == FactTime("2020")
    assert group(NO_TIME, NO_TIME) is None


def test_a_problem_has_no_time_of_its_list() -> None:
    assert only(section("132", problems(problem(NO_TIME, ASTHMA)))).time is None


# Results


def test_a_child_without_a_template_is_an_earlier_value_and_no_fact() -> None:
    earlier = observation([], code("code", "718-7", LOINC), time("2019"), pq("8.5", "g/dL"))
    fact = only(
        section("71", result("718-7", "Hémoglobine", pq("12.0", "g/dL"), time("2020"), linked("REFR", earlier)))
    )
    assert (fact.value, fact.details) == (Quantity("12.0", "g/dL"), ())


@pytest.mark.parametrize("numbers", [["80"], ["1.3.6.1.4.1.19376.1.3.1.6"], ["209"]])
def test_a_result_is_recognised_by_each_of_its_templates(numbers: list[str]) -> None:
    assert (
        only(section("71", result("718-7", "Hémoglobine", pq("12", "g/dL"), numbers=numbers))).kind is FactKind.RESULT
    )


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('<value xsi:type="ED">&lt;1.0 mg/L</value>', Quantity("1.0", "mg/L", "<")),
        ('<value xsi:type="ST">&gt;= 1,5 g/L</value>', Quantity("1.5", "g/L", ">=")),
        ('<value xsi:type="ST">négatif</value>', TextValue("négatif")),
        (
            pq("0.62", "g/L", '<translation value="0.71" code="mmol/L"/>'),
            Quantity("0.62", "g/L", None, (Quantity("0.71", "mmol/L"),)),
        ),
        (pq("12,5", "g/L"), TextValue("12,5 g/L")),
        ('<value xsi:type="INT" value="3"/>', Quantity("3")),
        (
            '<value xsi:type="IVL_PQ"><low value="1" unit="/a"/><high value="3" unit="/a"/></value>',
            QuantityRange(Quantity("1", "/a"), Quantity("3", "/a")),
        ),
        (
            '<value xsi:type="RTO_QTY_QTY"><numerator value="1"/><denominator value="128"/></value>',
            QuantityRatio(Quantity("1"), Quantity("128")),
        ),
        ('<value xsi:type="TS" value="20240903"/>', TimeValue(FactTime("2024-09-03"))),
    ],
)
def test_a_value_is_read_as_it_is_written(value: str, read: object) -> None:
    assert only(section("71", result("718-7", "Hémoglobine", value))).value == read


def test_ranges_interpretation_method_specimen_and_laboratory_travel_with_a_result() -> None:
    bounds = '<value xsi:type="IVL_PQ"><low value="11.5" unit="g/dL"/><high value="14.5" unit="g/dL"/></value>'
    interpretation = "2.16.840.1.113883.5.83"
    hemoglobin = result(
        "718-7",
        "Hémoglobine",
        pq("13.4", "g/dL"),
        code("interpretationCode", "N", interpretation),
        "<methodCode><originalText>Cytométrie</originalText></methodCode>",
        f'<referenceRange typeCode="REFV"><observationRange>{bounds}</observationRange></referenceRange>',
    )
    sampling = procedure(
        time("202003120735+0100"),
        '<participant typeCode="PRD"><participantRole classCode="SPEC"><id root="1.2.3" extension="S-1"/>'
        f"<playingEntity>{code('code', 'BLD', SPECIMEN_TYPE)}</playingEntity></participantRole></participant>",
        numbers=["77"],
    )
    laboratory = (
        "<performer><assignedEntity><representedOrganization><id root='1.2.250.1.71.4.2.2' extension='1990000001'/>"
        "<name>Laboratoire inventé</name></representedOrganization></assignedEntity></performer>"
    )
    group = (
        f"<act>{code('code', '18723-7', LOINC)}{laboratory}{linked('COMP', sampling)}{linked('COMP', hemoglobin)}</act>"
    )
    fact = only(section("70", group))
    assert [concept.codings[0].code for concept in fact.interpretation] == ["N"]
    assert fact.method is not None
    assert fact.method.text == "Cytométrie"
    assert [item.range for item in fact.ranges] == [QuantityRange(Quantity("11.5", "g/dL"), Quantity("14.5", "g/dL"))]
    assert fact.specimen is not None
    assert (fact.specimen.id, fact.specimen.collected) == ("1.2.3^S-1", FactTime("2020-03-12T07:35+01:00"))
    assert [party.organisation_id for party in fact.parties] == ["1.2.250.1.71.4.2.2^1990000001"]


def test_the_taking_of_a_sample_is_no_procedure() -> None:
    assert facts(section("71", procedure(code("code", "9050", "1.2.250.1.213.2.7"), numbers=["77", "62"]))) == []


@pytest.mark.parametrize("loinc", ["34530-6", "882-1", "883-9", "10331-7"])
def test_a_blood_group_is_a_result_of_its_own_kind(loinc: str) -> None:
    value = cd("OBS_263", "1.2.250.1.213.1.1.4.2.289", "A Positif")
    assert only(section("71", result(loinc, "Groupe sanguin", value))).kind is FactKind.BLOOD_GROUP


# Treatments and vaccinations


@pytest.mark.parametrize(
    ("place", "numbers", "mood", "status"),
    [
        ("143", ["42"], "EVN", "stated"),
        ("143", ["42"], "INT", "prescribed"),
        ("171", ["83"], "INT", "prescribed"),
        ("54", ["13"], "EVN", "stated"),
        ("158", ["42"], "EVN", "planned"),
        ("120", ["42"], "INT", "planned"),
        ("145", ["42"], "EVN", "given"),
        ("146", ["42"], "EVN", "stated"),
        ("117", ["26"], "EVN", "given"),
        ("99", ["90"], "EVN", "dispensed"),
        ("99", ["204"], "EVN", "dispensed"),
    ],
)
def test_section_template_and_mood_say_what_became_of_a_treatment(
    place: str, numbers: list[str], mood: str, status: str
) -> None:
    fact = only(section(place, treatment(medicine("63564053", "PLAVIX"), numbers=numbers, mood=mood)))
    assert (fact.kind, fact.status) == (FactKind.TREATMENT, status)


def test_only_the_outermost_treatment_is_one_and_its_steps_are_its_posology() -> None:
    rhythm = '<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="8" unit="h"/></effectiveTime>'
    step = treatment(
        rhythm,
        '<doseQuantity><low value="1" unit="{tablet}"/><high value="2" unit="{tablet}"/></doseQuantity>',
        product('<code nullFlavor="NA"/>'),
        numbers=["83.1"],
        mood="INT",
    )
    fact = only(
        section("171", treatment(medicine("63107752", "PARACETAMOL"), linked("COMP", step), numbers=["83"], mood="INT"))
    )
    assert fact.treatment is not None
    (posology,) = fact.treatment.posology
    assert posology.dose == QuantityRange(Quantity("1", "{tablet}"), Quantity("2", "{tablet}"))
    assert [frequency.period for frequency in posology.frequency] == [Quantity("8", "h")]


def test_another_medicine_within_a_treatment_is_no_step_of_it() -> None:
    other = treatment('<doseQuantity value="3" unit="{tablet}"/>', medicine("63564053", "PLAVIX"))
    fact = only(section("143", treatment(medicine("63107752", "PARACETAMOL"), linked("COMP", other))))
    assert fact.treatment is not None
    assert (label(fact), fact.treatment.posology) == ("PARACETAMOL", ())


def test_a_plan_is_planned_whatever_its_mood_says() -> None:
    assert only(section("158", procedure(code("code", "DDAF004", CCAM), mood="EVN"))).status == "planned"


def test_a_recommended_vaccine_is_no_vaccination_that_was_given() -> None:
    vaccine = medicine("J07AN", "Vaccin antituberculeux", system=ATC)
    recommended = only(section("120", treatment(vaccine, numbers=["47"], mood="INT")))
    assert (recommended.kind, recommended.status, recommended.is_planned) == (FactKind.VACCINATION, "recommended", True)


def test_a_vaccination_has_its_dose_number_lot_and_reaction() -> None:
    fact = only(
        section(
            "147",
            treatment(
                time("1975"),
                medicine("61077869", "VACCIN BCG SSI", "<lotNumberText>L-12</lotNumberText>"),
                linked(
                    "SUBJ", observation(["82"], code("code", "30973-2", LOINC), '<value xsi:type="INT" value="2"/>')
                ),
                linked("CAUS", problem(cd("R50", CIM_10, "Fièvre"))),
                numbers=["45"],
                negated=False,
            ),
        )
    )
    assert fact.treatment is not None
    assert (fact.status, fact.treatment.dose_number, fact.treatment.lot) == ("given", "2", "L-12")
    assert [reaction.manifestation.label for reaction in fact.reactions] == ["Fièvre"]
    assert fact.time == FactTime("1975")


@pytest.mark.parametrize("status", ["nullified", "cancelled", "aborted"])
def test_what_was_withdrawn_or_not_carried_out_is_no_fact(status: str) -> None:
    assert facts(section("136", procedure(code("code", "DDAF004", CCAM), f'<statusCode code="{status}"/>'))) == []


@pytest.mark.parametrize("mood", ["GOL", "EVN.CRT", "DEF", "OPT"])
def test_a_goal_and_a_criterion_are_no_facts(mood: str) -> None:
    assert facts(section("136", procedure(code("code", "DDAF004", CCAM), mood=mood))) == []
    assert (
        facts(section("71", result("718-7", "Hb", pq("1", "g")).replace('moodCode="EVN"', f'moodCode="{mood}"'))) == []
    )


# Devices


@pytest.mark.parametrize(
    ("device_code", "is_implant"),
    [("J010104", True), ("P0908", True), ("C0102", True), ("C0101", False), ("V0806", False)],
)
def test_the_table_says_which_device_is_an_implant(device_code: str, is_implant: bool) -> None:
    fact = only(section("1", device(code("code", device_code, EMDN, "Dispositif"))))
    assert (fact.kind, fact.is_implant) == (FactKind.DEVICE, is_implant)


def test_an_implant_of_a_carried_card_is_a_single_fact_with_its_parts() -> None:
    table = "1.2.250.1.213.1.1.4.2"

    def part(number: str, value: str) -> str:
        return component(observation(["1"], code("code", number, table), NO_TIME, value))

    parts = part("L0056", cd("D0001-2", table, "Pacemaker")) + part("L0055", '<value xsi:type="TS" value="20090912"/>')
    serial = part("L0059", '<value xsi:type="ST">615225 Z</value>')
    fact = only(
        section(
            "1", f"<organizer>{template('2')}{code('code', 'D0001-2', table, 'Stimulateur')}{parts}{serial}</organizer>"
        )
    )
    assert (label(fact), fact.is_implant, fact.time) == ("Pacemaker", True, FactTime("2009-09-12"))
    assert TextValue("615225 Z") in [detail.value for detail in fact.details]


# Directives


def directive(value: str, code_value: str, system: str, inside: str = "") -> str:
    return section(
        "157", observation(["54"], code("code", code_value, system, "Directive", inside), words_at("w"), value)
    )


def test_of_a_directive_its_existence_is_told_and_never_its_content() -> None:
    refused = only(directive(boolean(False), "75779-9", LOINC))
    assert (refused.kind, refused.statement, refused.value) == (FactKind.DIRECTIVE, "stated", None)


@pytest.mark.parametrize(("number", "system"), [("42348-3", LOINC), ("P2-00200", SNOMED_35)])
def test_a_false_to_the_question_whether_there_is_one_is_a_none(number: str, system: str) -> None:
    assert only(directive(boolean(False), number, system)).statement == "none"
    assert only(directive(boolean(True), number, system)).statement == "stated"


def test_a_refusal_of_vaccines_is_shown_as_that() -> None:
    qualifier = f"<qualifier>{code('name', 'Z28.2', CIM_10, 'Refus de vaccination')}</qualifier>"
    refusal = only(directive(boolean(True), "MED-297", "1.2.250.1.213.1.1.4.322", qualifier))
    assert label(refusal) == "Refus de vaccination"


def test_a_consent_to_the_reuse_of_data_is_no_directive() -> None:
    assert facts(directive(boolean(True), "64292-6", LOINC)) == []


# What is no fact


def test_other_statements_and_sections_of_words_alone_are_counted_as_text() -> None:
    other = observation(["48"], code("code", "PAT-023", "1.2.250.1.213.1.1.4.322"), boolean(True))
    parts = (
        section("150", words={"a": "ECG : hémibloc"}),
        section("151", other, other),
        section("132", problems(problem(ASTHMA)), words={"b": "Asthme"}),
        section("29", more=f"<component>{section('30', words={'c': 'Libre'})}</component>"),
        section("73"),
    )
    extraction = extract(a_structured_cda(*parts), "text/xml", VERSION)
    assert (extraction.outcome, len(extraction.facts), extraction.text_only) == ("read", 1, 4)


def test_a_problem_that_is_only_words_is_a_fact_with_words() -> None:
    value = f'<value xsi:type="CD">{said("w")}</value>'
    fact = only(section("132", problems(problem(value)), words={"w": "Vertiges <b>au</b> lever"}))
    assert fact.code is not None
    assert (fact.code.codings, fact.code.text) == ((), "Vertiges au lever")


def test_an_attached_file_is_never_taken_for_words() -> None:
    media = '<observationMedia ID="pdf"><value representation="B64">JVBERi0xLjc=</value></observationMedia>'
    fact = only(
        section("157", observation(["54"], code("code", "42348-3", LOINC), words_at("pdf"), linked("COMP", media)))
    )
    assert fact.code is not None
    assert fact.code.text is None


def test_several_codes_of_an_answer_are_one_value() -> None:
    fact = only(
        section("141", observation(["52"], code("code", "42831-8", LOINC), cd("A", SNOMED_35), cd("B", SNOMED_35)))
    )
    assert isinstance(fact.value, CodedValue)
    assert [concept.codings[0].code for concept in fact.value.concepts] == ["A", "B"]


def test_ids_and_paths_are_the_same_for_the_same_bytes_and_differ_by_version() -> None:
    content = a_structured_cda(section("132", problems(problem(ASTHMA), problem(ASTHMA)), problem(ASTHMA)))
    first, again = (extract(content, "text/xml", VERSION).facts for _ in range(2))
    other = extract(content, "text/xml", clock.new_id(bucket=3)).facts
    assert first == again
    assert [fact.source.entry for fact in first] == [fact.source.entry for fact in other]
    assert len({fact.id for fact in (*first, *other)}) == 6
