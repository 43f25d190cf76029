"""Encodes facts for the ledger in JSON types, leaving out those with their default value."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from shared.access.facts import Facts

EncodedFacts = dict[str, str | bool | int | tuple[str, ...]]

_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Facts)}
_SETS = frozenset(field.name for field in fields(Facts) if field.default == frozenset())


def encode_facts(facts: Facts) -> EncodedFacts:
    """Returns name -> value of each fact that differs from its default; sets become sorted tuples."""
    encoded: EncodedFacts = {}
    for name, default in _DEFAULTS.items():
        value = getattr(facts, name)
        if value != default:
            encoded[name] = tuple(sorted(value)) if name in _SETS else value
    return encoded


def decode_facts(encoded: Mapping[str, Any]) -> Facts:
    """Returns the facts: `decode_facts(encode_facts(facts)) == facts`. Raises TypeError for an unknown fact."""
    values: dict[str, Any] = {name: frozenset(value) if name in _SETS else value for name, value in encoded.items()}
    return Facts(**values)
