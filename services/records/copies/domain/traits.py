"""Compares traits that somebody sends with the fingerprints of a record's copy."""

from collections.abc import Iterator, Mapping
from uuid import UUID

from shared.crypto.fingerprints import trait_parts
from shared.crypto.keyring import Keyring
from shared.errors import InvalidError
from shared.former_names import former_normal_form
from shared.values import SentTraits, Sex


class PatientMismatchError(InvalidError):
    """The INS or the traits are not those of the person of this record."""

    code = "patient-mismatch"
    french = "L’INS ou les traits ne sont pas ceux de la personne de ce dossier."


def differing_traits(
    ring: Keyring, record_id: UUID, stored: Mapping[str, str | None], sent: SentTraits | None
) -> tuple[str, ...]:
    """Returns the names of the sent traits that differ from the stored ones. An unknown sex is not compared."""
    if sent is None:
        return ()
    return tuple(
        name
        for name, value in sent.normalised().items()
        if (fingerprint := stored.get(name)) is not None
        and (name, value) != ("sex", Sex.UNKNOWN.value)
        and not any(
            ring.matches(fingerprint, *trait_parts(record_id, name, form)) for form in _forms(sent, name, value)
        )
    )


def _forms(sent: SentTraits, name: str, value: str) -> Iterator[str]:
    """Yields the normal form of a trait, and of a name the one under which an older release may have stored it."""
    yield value
    written = sent.birth_name if name == "birth_name" else sent.given_name if name == "given_name" else None
    if written is not None and not written.isascii():
        yield former_normal_form(written)
