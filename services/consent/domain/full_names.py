"""Choices of an older release that name somebody by less than a full identifier, and the same choices in full. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from services.consent.domain.choices import Choices
from services.consent.domain.identifiers import DirectoryEntry, possible_ids, resolve_id
from shared.national_ids import HolderKind
from shared.values import InvalidNationalIdError

Directory = Mapping[str, DirectoryEntry]


def ids_of(choices: Choices) -> Iterator[tuple[str, HolderKind | None]]:
    """Everybody whom the choices name, and as which kind of holder."""
    for one in choices.authorisations:
        yield one.holder_id, "structure" if one.how == "care-team" else None
    yield from ((id, None) for id in choices.blocked)
    yield from ((id, "professional") for id in choices.attending_doctors)
    yield from ((id, "structure") for id in choices.feeding_objections)


def in_full(choices: Choices, directory: Directory) -> Choices:
    """The choices with full identifiers, as the directory tells numbers apart.

    What takes a right away from a number that it does not tell apart takes it from all that the number may stand for;
    what gives one to such a number stays as it is, which is nobody. A block ends what its holder was given.
    """
    blocked = _taken(choices.blocked, None, directory)
    given = tuple(
        one.model_copy(
            update={"holder_id": _given(one.holder_id, "structure" if one.how == "care-team" else None, directory)}
        )
        for one in choices.authorisations
    )
    doctors = {_given(one, "professional", directory) for one in choices.attending_doctors}
    return choices.model_copy(
        update={
            "blocked": blocked,
            "feeding_objections": _taken(choices.feeding_objections, "structure", directory),
            "attending_doctors": tuple(sorted(doctors.difference(blocked))),
            "authorisations": tuple(
                sorted(
                    (one for one in given if one.holder_id not in blocked),
                    key=lambda one: (one.holder_id, one.how, one.since),
                )
            ),
        }
    )


def _given(text: str, kind: HolderKind | None, directory: Directory) -> str:
    try:
        return resolve_id(text, kind, _known(kind, directory))
    except InvalidNationalIdError:
        return text


def _taken(texts: Iterable[str], kind: HolderKind | None, directory: Directory) -> tuple[str, ...]:
    found: set[str] = set()
    for text in texts:
        try:
            found.add(resolve_id(text, kind, _known(kind, directory)))
        except InvalidNationalIdError:
            found.update(possible_ids(text, kind))
    return tuple(sorted(found))


def _known(kind: HolderKind | None, directory: Directory) -> frozenset[str]:
    return frozenset(id for id, entry in directory.items() if entry.is_of(kind))
