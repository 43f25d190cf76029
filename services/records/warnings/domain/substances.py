"""Which substances a medicine has: by ATC and ingredients of the document, else by the public medicine files."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.values import Coding, Concept
from services.records.medicines.domain.medicines import KnownMedicines, Medicine, is_atc, is_atc_substance
from services.records.medicines.domain.names import names_of_substance
from services.records.warnings.domain.prescription import OrderedMedicine
from shared.terminology.clinical import code_systems

_ATC: Final = "ATC"
_PUBLIC: Final = frozenset({"CIS", "CIP", "CIP13"})


@dataclass(frozen=True, slots=True)
class Substance:
    """A substance by all that names it: codes of the public files, ATC codes of its level, names."""

    codes: frozenset[str] = frozenset()
    atc: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def is_same(self, other: "Substance") -> bool:
        """Whether something names both."""
        return not (
            self.codes.isdisjoint(other.codes) and self.atc.isdisjoint(other.atc) and self.names.isdisjoint(other.names)
        )

    @property
    def label(self) -> str:
        """The shortest of its names, else a code: the same for the same substance."""
        named = sorted(self.names, key=lambda name: (len(name), name)) or sorted(self.atc) or sorted(self.codes)
        return named[0]


@dataclass(frozen=True, slots=True)
class ResolvedMedicine:
    """A medicine with its substances. `atc`: its codes of any level; `names`: all names of its substances."""

    substances: tuple[Substance, ...]
    atc: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """All names of its substances."""
        return frozenset(name for substance in self.substances for name in substance.names)

    @property
    def is_known(self) -> bool:
        """Whether at least one of its substances is known."""
        return bool(self.substances)

    def shared_with(self, other: "ResolvedMedicine") -> list[str]:
        """Returns the labels of the substances that both have."""
        return sorted(
            {mine.label for mine in self.substances if any(mine.is_same(theirs) for theirs in other.substances)}
        )


def system_name(oid: str | None) -> str | None:
    """Returns the name of a code system: several OIDs of one system have the same; None for an unknown one."""
    system = code_systems().get(oid) if oid is not None else None
    return system.name if system is not None else None


def public_codes(codings: Iterable[Coding]) -> Iterator[str]:
    """Yields the codes under which the public files have medicines: CIS and CIP."""
    for coding in codings:
        if system_name(coding.system) in _PUBLIC:
            yield coding.code


def atc_codes(codings: Iterable[Coding]) -> Iterator[str]:
    """Yields ATC codes of any level."""
    for coding in codings:
        if system_name(coding.system) == _ATC and is_atc(code := coding.code.strip().upper()):
            yield code


def codings_of_order(medicine: OrderedMedicine) -> tuple[Coding, ...]:
    """Returns all codes of a prescribed medicine, with those of its ingredients."""
    return (*medicine.codes, *[coding for ingredient in medicine.ingredients for coding in ingredient.codes])


def codings_of_fact(fact: ClinicalFact) -> tuple[Coding, ...]:
    """Returns all codes of a medicine or an allergen in the record, with those of its ingredients."""
    codings = fact.code.codings if fact.code is not None else ()
    return (*codings, *[coding for concept in _ingredients(fact) for coding in concept.codings])


def resolve_order(medicine: OrderedMedicine, public: KnownMedicines) -> ResolvedMedicine:
    """Returns the substances of a prescribed medicine."""
    stated = [_substance_of(ingredient.codes, (ingredient.name,), public) for ingredient in medicine.ingredients]
    return _resolve(medicine.codes, stated, public)


def resolve_fact(fact: ClinicalFact, public: KnownMedicines) -> ResolvedMedicine:
    """Returns the substances of a treatment, of the medicine of an adverse effect, or of an allergen."""
    stated = [_substance_of(concept.codings, (concept.text,), public) for concept in _ingredients(fact)]
    return _resolve(fact.code.codings if fact.code is not None else (), stated, public)


def _ingredients(fact: ClinicalFact) -> Sequence[Concept]:
    return [ingredient.substance for ingredient in fact.treatment.ingredients] if fact.treatment is not None else []


def _resolve(codings: Sequence[Coding], stated: Sequence[Substance | None], public: KnownMedicines) -> ResolvedMedicine:
    medicines = [public.by_code[code] for code in public_codes(codings) if code in public.by_code]
    codes = [*atc_codes(codings), *(code for medicine in medicines for code in medicine.atc)]
    substances = [substance for substance in stated if substance is not None]
    substances += [substance for medicine in medicines for substance in _of_medicine(medicine)]
    if not substances:
        substances = [each for code in codes if is_atc_substance(code) for each in _of_atc(code, public, codings)]
    codes += [code for substance in substances for code in substance.atc]
    return ResolvedMedicine(_united(substances), frozenset(codes))


def _substance_of(codings: Sequence[Coding], names: Iterable[str | None], public: KnownMedicines) -> Substance | None:
    """Returns a stated ingredient by its codes and names; None where it has neither."""
    written = [name for name in (*names, *(coding.display for coding in codings)) if name]
    atc = frozenset(code for code in atc_codes(codings) if is_atc_substance(code))
    by_atc = [each for code in atc for each in public.by_atc.get(code, ()) if len(public.by_atc[code]) == 1]
    substance = Substance(
        frozenset(code for each in by_atc for code in each.codes),
        atc,
        frozenset().union(*(names_of_substance(name) for name in written), *(each.names for each in by_atc)),
    )
    return substance if substance != Substance() else None


def _of_medicine(medicine: Medicine) -> list[Substance]:
    atc = frozenset(code for code in medicine.atc if is_atc_substance(code))
    is_single = len(medicine.substances) == 1
    return [Substance(each.codes, atc if is_single else frozenset(), each.names) for each in medicine.substances]


def _of_atc(code: str, public: KnownMedicines, codings: Sequence[Coding]) -> list[Substance]:
    """Returns the substances that an ATC code names: by the public files, else the code itself with its label."""
    named = public.by_atc.get(code, ())
    if len(named) > 1:
        return [Substance(each.codes, frozenset(), each.names) for each in named]
    labels = [coding.display for coding in codings if coding.code.strip().upper() == code and coding.display]
    names = frozenset().union(*(names_of_substance(label) for label in labels), *(each.names for each in named))
    return [Substance(frozenset().union(*(each.codes for each in named)), frozenset({code}), names)]


def _united(substances: Iterable[Substance]) -> tuple[Substance, ...]:
    """Returns the substances, those that are the same as one: a document may state what the public files have too."""
    united: list[Substance] = []
    for substance in substances:
        same = [other for other in united if other.is_same(substance)]
        united = [other for other in united if other not in same]
        united.append(reduce(_union, same, substance))
    return tuple(united)


def _union(first: Substance, second: Substance) -> Substance:
    return Substance(first.codes | second.codes, first.atc | second.atc, first.names | second.names)


@cache
def same_systems(oid: str | None) -> frozenset[str]:
    """Returns the OIDs of the code system that this OID is of."""
    name = system_name(oid)
    if name is None:
        return frozenset({oid} if oid is not None else ())
    return frozenset(system.oid for system in code_systems().values() if system.name == name)
