"""Why a line of reimbursement is rejected: codes alone, because a rejected line is kept without its content."""

from shared.errors import InvalidError


class LineNameError(InvalidError):
    """A line is named by payer, sheet and line, each of 1 to 64 characters."""

    code = "line-name-invalid"
    french = "Une ligne porte un organisme (payer), une feuille (sheet) et un numéro (line) de 1 à 64 caractères."


class LineVersionError(InvalidError):
    """The version of a line is a number from 1 to 2147483647."""

    code = "line-version-invalid"
    french = "La version d’une ligne est un nombre de 1 à 2147483647."


class OperationError(InvalidError):
    """The operation of a line is new, correct or cancel."""

    code = "operation-unknown"
    french = "L’opération d’une ligne est new, correct ou cancel."


class CareDateError(InvalidError):
    """Dates are written YYYY-MM-DD; care ends on the day it began or later, and did not begin in the future."""

    code = "care-date-invalid"
    french = "Les dates s’écrivent AAAA-MM-JJ ; un soin finit le jour où il commence ou après, sans date future."


class CareKindError(InvalidError):
    """The kind of care is care, medicine, device, hospital-stay, imaging, biology or vaccination."""

    code = "care-kind-unknown"
    french = "Le genre de soin est care, medicine, device, hospital-stay, imaging, biology ou vaccination."


class CareCodeError(InvalidError):
    """A code stands with its table (CIP13, UCD, LPP, CCAM, NGAP, NABM or GHM); without a code there is a label."""

    code = "care-code-invalid"
    french = "Un code porte sa table (CIP13, UCD, LPP, CCAM, NGAP, NABM ou GHM) ; sans code, il faut un libellé."


class CareTextError(InvalidError):
    """A text of a line is longer than its column takes, or holds control characters."""

    code = "care-text-invalid"
    french = "Un texte de la ligne est plus long que sa colonne, ou contient des caractères de contrôle."


class AmountError(InvalidError):
    """Amounts are euros with at most two decimals, quantities whole numbers."""

    code = "amount-invalid"
    french = "Les montants sont des euros à deux décimales au plus, les quantités des nombres entiers."


class FlagError(InvalidError):
    """The column confidential holds true or false, 1 or 0, or nothing."""

    code = "flag-invalid"
    french = "La colonne confidential contient true ou false, 1 ou 0, ou rien."
