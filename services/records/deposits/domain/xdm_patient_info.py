"""The slot sourcePatientInfo of a DocumentEntry (`PID-5|name^given^^^^^L`), in which single components can be set.

Source: IHE ITI TF-3 4.2.3.2.23; HL7 v2.5.1 PID.
"""

from collections.abc import Callable, Iterable
from typing import Final

from services.records.deposits.domain.xdm_parties import is_of_ins
from services.records.quarantine.domain.corrections import Corrections
from shared.xdm.hl7 import escape

_Test = Callable[[list[str]], bool]
_BIRTH_PLACE: Final = "BDL"
_LEGAL_NAME: Final = "L"


class PatientInfo:
    """The values of the slot, in their order; `changed`: the numbers of those that were changed or added."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = list(values)
        self.changed: set[int] = set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stated."""
        return not any(self.values)

    def replace_ins(self, cx: str) -> None:
        """Replaces each INS of PID-3."""
        for number in self._values_of("PID-3"):
            name, _, text = self.values[number].partition("|")
            identifiers = [cx if is_of_ins(identifier) else identifier for identifier in text.split("~")]
            self._put(number, f"{name}|{'~'.join(identifiers)}")

    def set_traits(self, corrections: Corrections) -> None:
        """Sets the traits where `shared.xdm.hl7.read_patient_info` looks for them."""
        names = (_has(7, _LEGAL_NAME), _has(7, ""))
        if corrections.birth_name is not None:
            self._set("PID-5", 1, corrections.birth_name, names, f"^^^^^^{_LEGAL_NAME}")
        if corrections.given_name is not None:
            self._set("PID-5", 2, corrections.given_name, names, f"^^^^^^{_LEGAL_NAME}")
        if corrections.birth_date is not None:
            self._set("PID-7", 1, corrections.birth_date.replace("-", ""), (_is_any,), "")
        if corrections.sex_code is not None:
            self._set("PID-8", 1, corrections.sex_code, (_is_any,), "")
        if corrections.birth_place is not None:
            places = (_has(7, _BIRTH_PLACE),)
            self._set("PID-11", 9, corrections.birth_place, places, f"^^^^^^{_BIRTH_PLACE}")

    def _set(self, field: str, component: int, value: str, tests: tuple[_Test, ...], new: str) -> None:
        """Sets a component of the first repetition that fulfils the first test that any fulfils, else of a new one."""
        number, at = self._repetition(field, tests, new)
        name, _, text = self.values[number].partition("|")
        repetitions = text.split("~")
        parts = repetitions[at].split("^")
        parts += [""] * (component - len(parts))
        parts[component - 1] = escape(value)
        repetitions[at] = "^".join(parts)
        self._put(number, f"{name}|{'~'.join(repetitions)}")

    def _repetition(self, field: str, tests: tuple[_Test, ...], new: str) -> tuple[int, int]:
        """Returns the numbers of a value and of its repetition."""
        numbers = self._values_of(field)
        for is_it in tests:
            for number in numbers:
                for at, repetition in enumerate(self.values[number].partition("|")[2].split("~")):
                    if is_it(repetition.split("^")):
                        return number, at
        self.values.append(f"{field}|{new}")
        self.changed.add(len(self.values) - 1)
        return len(self.values) - 1, 0

    def _values_of(self, field: str) -> list[int]:
        names = [value.partition("|")[0].strip().upper() for value in self.values]
        return [number for number, name in enumerate(names) if name == field]

    def _put(self, number: int, value: str) -> None:
        if self.values[number] != value:
            self.values[number] = value
            self.changed.add(number)


def _has(component: int, value: str) -> _Test:
    """Returns a test whether a component has this value; an absent one is empty."""
    return lambda parts: (parts[component - 1].strip() if component <= len(parts) else "") == value


def _is_any(_: list[str]) -> bool:
    return True
