"""Replaces partial identifiers, which an older release stored in choices, by full ones. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from services.consent.choices.domain.choices import Choices, sort_key
from services.consent.choices.domain.identifiers import possible_ids, resolve_id
from services.consent.copies.domain import DirectoryEntry
from shared.contracts.consent import Authorisation
from shared.national_ids import HolderKind
from shared.values import InvalidNationalIdError

Directory = Mapping[str, DirectoryEntry]


def named_ids(choices: Choices) -> Iterator[tuple[str, HolderKind | None]]:
    """Yields every identifier in the choices, with the kind of its holder (None: either)."""
    for authorisation in choices.authorisations:
        yield authorisation.holder_id, _kind_of_holder(authorisation)
    yield from ((id, None) for id in choices.blocked)
    yield from ((id, "professional") for id in choices.attending_doctors)
    yield from ((id, "structure") for id in choices.feeding_objections)


def with_full_ids(choices: Choices, directory: Directory) -> Choices:
    """Returns the choices with full identifiers, as far as the directory resolves them.

    An ambiguous number that takes a right away is replaced by all identifiers that it may stand for. An ambiguous
    number that gives a right stays as it is, and stands for nobody. A block ends the authorisations of its holder.
    """
    blocked = _denied_ids(choices.blocked, None, directory)
    granted = [_with_full_holder_id(authorisation, directory) for authorisation in choices.authorisations]
    unblocked = [authorisation for authorisation in granted if authorisation.holder_id not in blocked]
    doctors = {_granted_id(id, "professional", directory) for id in choices.attending_doctors}
    return choices.model_copy(
        update={
            "blocked": blocked,
            "feeding_objections": _denied_ids(choices.feeding_objections, "structure", directory),
            "attending_doctors": tuple(sorted(doctors.difference(blocked))),
            "authorisations": tuple(sorted(unblocked, key=sort_key)),
        }
    )


def _with_full_holder_id(authorisation: Authorisation, directory: Directory) -> Authorisation:
    holder_id = _granted_id(authorisation.holder_id, _kind_of_holder(authorisation), directory)
    return authorisation.model_copy(update={"holder_id": holder_id})


def _kind_of_holder(authorisation: Authorisation) -> HolderKind | None:
    return "structure" if authorisation.how == "care-team" else None


def _granted_id(text: str, kind: HolderKind | None, directory: Directory) -> str:
    try:
        return resolve_id(text, kind, _ids_of_kind(kind, directory))
    except InvalidNationalIdError:
        return text


def _denied_ids(texts: Iterable[str], kind: HolderKind | None, directory: Directory) -> tuple[str, ...]:
    ids: set[str] = set()
    for text in texts:
        try:
            ids.add(resolve_id(text, kind, _ids_of_kind(kind, directory)))
        except InvalidNationalIdError:
            ids.update(possible_ids(text, kind))
    return tuple(sorted(ids))


def _ids_of_kind(kind: HolderKind | None, directory: Directory) -> frozenset[str]:
    return frozenset(id for id, entry in directory.items() if entry.is_of_kind(kind))
