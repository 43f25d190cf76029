"""What is wrong with a measure, in words that say what to correct."""

from decimal import Decimal
from typing import ClassVar

from shared.errors import ClientError, ConflictError, InvalidError
from shared.terminology.measures import MeasureType


class MeasureCodeUnknownError(InvalidError):
    """There is no such measure. The API's description lists the codes."""

    code = "measure-code-unknown"
    french = "Cette mesure n’existe pas. La description de l’API donne la liste des codes."


class MeasureDerivedError(InvalidError):
    """This measure is not entered. A body mass index follows from weight and height; systolic and diastolic pressure
    are entered together, as BLOOD_PRESSURE."""

    code = "measure-derived"
    french = (
        "Cette mesure ne se saisit pas. L’indice de masse corporelle vient du poids et de la taille ; les pressions "
        "systolique et diastolique se saisissent ensemble, comme BLOOD_PRESSURE."
    )


class MeasurePartsError(InvalidError):
    """A blood pressure has systolic and diastolic, any other measure has value; moment is for GLUCOSE and needed there;
    number_of_days is for INTERSTITIAL_GLUCOSE and HEMOGLOBIN_GLYCATION_INDEX and needed there."""

    code = "measure-parts-invalid"
    french = (
        "Une pression artérielle a systolic et diastolic, toute autre mesure a value ; moment est pour GLUCOSE, où il "
        "est obligatoire ; number_of_days est pour INTERSTITIAL_GLUCOSE et HEMOGLOBIN_GLYCATION_INDEX, où il l’est "
        "aussi."
    )


class MeasureOutOfRangeError(InvalidError):
    """This value is not possible. Check the value and its unit."""

    code = "measure-out-of-range"
    french = "Cette valeur n’est pas possible. Vérifiez la valeur et son unité."

    @classmethod
    def of(cls, kind: MeasureType) -> "MeasureOutOfRangeError":
        """Returns the error that names the measure and its limits."""
        assert kind.minimum is not None
        assert kind.maximum is not None
        low, high, unit = _number(kind.minimum), _number(kind.maximum), _unit(kind.unit)
        error = cls(f"{kind.label_en}: from {low} to {high}{unit}. Check the value and its unit.")
        low, high = low.replace(".", ","), high.replace(".", ",")
        error.french = f"{kind.label_fr} : de {low} à {high}{unit}. Vérifiez la valeur et son unité."
        return error


class MeasureDecimalsError(InvalidError):
    """This value has more decimals than the measure takes."""

    code = "measure-decimals"
    french = "Cette valeur a plus de décimales que la mesure n’en prend."

    @classmethod
    def of(cls, kind: MeasureType) -> "MeasureDecimalsError":
        """Returns the error that names the measure and its decimals."""
        error = cls(f"{kind.label_en}: {kind.decimals} decimals at most.")
        error.french = f"{kind.label_fr} : {kind.decimals} décimales au plus."
        return error


class PressuresReversedError(InvalidError):
    """The systolic pressure, the higher number, is above the diastolic one. Check both."""

    code = "pressures-reversed"
    french = "La pression systolique, le plus grand nombre, est au-dessus de la diastolique. Vérifiez les deux."


class UnitDiffersError(InvalidError):
    """This measure has another unit."""

    code = "measure-unit-differs"
    french = "Cette mesure a une autre unité."

    @classmethod
    def of(cls, kind: MeasureType) -> "UnitDiffersError":
        """Returns the error that names the unit."""
        error = cls(f"{kind.label_en} is in {kind.unit} (UCUM). Convert the value.")
        error.french = f"{kind.label_fr} : l’unité est {kind.unit} (UCUM). Convertissez la valeur."
        return error


class MeasuredInFutureError(InvalidError):
    """The measure lies in the future. Check the date and the time zone."""

    code = "measured-in-future"
    french = "La mesure est dans l’avenir. Vérifiez la date et le fuseau horaire."


class MeasureTextError(InvalidError):
    """A text holds a control character, or nothing that can be seen."""

    code = "measure-text-invalid"
    french = "Un texte contient un caractère de contrôle, ou rien de visible."


class MeasureKindDiffersError(InvalidError):
    """A correction is of the same measure. Delete this one, and enter the other."""

    code = "measure-kind-differs"
    french = "Une correction porte sur la même mesure. Supprimez celle-ci, puis saisissez l’autre."


class MeasurePeriodError(InvalidError):
    """The first day of a period, from, is not later than the last one, to."""

    code = "measure-period-invalid"
    french = "Le premier jour d’une période, from, n’est pas après le dernier, to."


class TooManyMeasuresError(ConflictError):
    """This record has as many measures of that day as it takes."""

    code = "too-many-measures"
    french = "Ce dossier a déjà autant de mesures de ce jour qu’il peut en prendre."


class MeasureVersionDiffersError(ClientError):
    """The measure has changed since you read it. Read it again, and send its ETag as If-Match."""

    code = "version-differs"
    french = "La mesure a changé entre-temps. Relisez-la, puis recommencez."
    status: ClassVar[int] = 412


class MeasureVersionInvalidError(ClientError):
    """If-Match must be the ETag of the measure as you read it, such as "2"."""

    code = "version-invalid"
    french = 'If-Match est l’ETag de la mesure telle que vous l’avez lue, par exemple "2".'


def _number(value: Decimal) -> str:
    return format(value, "f")


def _unit(unit: str) -> str:
    return "" if unit == "1" else f" {unit}"
