"""What is wrong with a statement of the patient side, in words that say what to correct."""

from shared.errors import InvalidError


class BloodGroupStatedError(InvalidError):
    """A blood group is not stated: it comes from a laboratory, whose report shows it. Deposit that report instead."""

    code = "blood-group-stated"
    french = "Un groupe sanguin ne se déclare pas : il vient d’un laboratoire. Ajoutez plutôt son compte rendu."


class StatementKindError(InvalidError):
    """This kind of statement does not exist in this form. The API's description lists the kinds of each form."""

    code = "statement-kind-unknown"
    french = "Ce genre de déclaration n’existe pas dans ce formulaire. La description de l’API en donne la liste."


class StatementTextError(InvalidError):
    """A statement has a text that can be seen, without control characters; only notes and directives have lines. Organ
    donation has a position, agrees or refuses, and nothing else has."""

    code = "statement-text-invalid"
    french = (
        "Une déclaration a un texte visible, sans caractère de contrôle ; seules les notes et les directives ont des "
        "lignes. Le don d’organes a une position, agrees ou refuses, et rien d’autre n’en a."
    )


class StatementDateError(InvalidError):
    """A date of a statement is a year, a month or a day, such as 2011, 2011-05 or 2011-05-17; since is not in the
    future, and until is not before it."""

    code = "statement-date-invalid"
    french = (
        "Une date est une année, un mois ou un jour, par exemple 2011, 2011-05 ou 2011-05-17 ; since n’est pas dans "
        "l’avenir, et until n’est pas avant."
    )


class StatementCodeError(InvalidError):
    """A code has the OID of its system, such as 2.16.840.1.113883.6.73 for ATC, and no blanks."""

    code = "statement-code-invalid"
    french = "Un code a l’OID de son système, par exemple 2.16.840.1.113883.6.73 pour l’ATC, et pas de blancs."
