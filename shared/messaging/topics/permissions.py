"""Compares the permissions (ACLs) of a broker with the declared ones, grants and revokes them.

The end of a retired topic: its former writers have the permissions that an earlier release has granted. `grant` renews
none of them, and revokes each once that service's outbox holds no row for the topic. A revoked permission never
returns, so no record follows the one that was the last at the revocation.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from shared.contracts.declarations import OUTSIDE_WRITERS, SERVICES
from shared.errors import CodedError
from shared.messaging.topics.admin import TIMEOUT_S, settle
from shared.messaging.topics.grants import ADMIN, OPS, Grant, declared_grants, still_needed

ANYBODY = "*"
_HARMLESS = ("DESCRIBE", "DESCRIBE_CONFIGS")


class PermissionsNotAppliedError(CodedError):
    """The broker does not apply its permissions: look into its log."""

    code = "permissions-not-applied"


@dataclass(frozen=True)
class PermissionDifferences:
    """`missing`: declared and not granted. `undeclared`: what else concerns our topics, groups and transactional ids,
    one line each."""

    missing: set[Grant] = field(default_factory=set)
    undeclared: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Returns one line for each difference."""
        return [f"permission missing: {line}" for line in sorted(map(str, self.missing))] + [
            f"permission not declared: {line}" for line in self.undeclared
        ]


class Permissions:
    """The declared permissions on one broker.

    `principals`: the broker's names for services, `ops` and `admin`, where they differ from these words: a client
    certificate's subject, for instance.
    """

    def __init__(self, client: AdminClient, prefix: str = "", principals: Mapping[str, str] | None = None) -> None:
        self._client = client
        self._principals = principals or {}
        self._declared = {self._named(grant) for grant in declared_grants(prefix)}

    def differences(self) -> PermissionDifferences:
        """Returns what is missing, and what is granted or denied beside the declarations. Raises KafkaException."""
        bindings = _bindings(self._client)
        granted = {grant_of(acl) for acl in bindings if _is_plain(acl)}
        undeclared = sorted(_line(acl) for acl in bindings if self._matters(acl))
        return PermissionDifferences(self._declared - granted, undeclared)

    def grant_missing(self) -> int:
        """Grants every declared permission that is missing. Returns their number. Raises KafkaException."""
        missing = self.differences().missing
        _grant(self._client, missing)
        return len(missing)

    def _named(self, grant: Grant) -> Grant:
        return replace(grant, user=self._principals.get(grant.user, grant.user))

    def _matters(self, acl: AclBinding) -> bool:
        """Whether an ACL that is not declared lets somebody use our resources, or hinders their declared users."""
        grant = grant_of(acl)
        if not self._covers(acl):
            return False
        if acl.permission_type == AclPermissionType.DENY:
            return grant.user in {ANYBODY, *(declared.user for declared in self._declared)}
        is_declared = acl.resource_pattern_type == ResourcePatternType.LITERAL and grant in self._declared
        is_admin = grant.user == self._principals.get(ADMIN, ADMIN)
        return not is_declared and not is_admin and grant.operation not in _HARMLESS

    def _covers(self, acl: AclBinding) -> bool:
        kind, ops = grant_of(acl).kind, self._principals.get(OPS, OPS)
        names = {grant.resource for grant in self._declared if grant.kind == kind and grant.user != ops}
        if acl.resource_pattern_type == ResourcePatternType.PREFIXED:
            return any(name.startswith(acl.name) for name in names)
        return acl.name in names or (acl.name == ANYBODY and bool(names))


def grant(client: AdminClient, prefix: str = "", *, unsent: Collection[tuple[str, str]] = frozenset()) -> None:
    """Grants every declared permission, and revokes the services' permissions that are no longer declared.

    `unsent`: (service, topic) of outboxes that hold rows for a retired topic. Call it only when no process of the
    former release runs any more, because that could still send to a retired topic. Raises KafkaException,
    PermissionsNotAppliedError.
    """
    declared = declared_grants(prefix)
    present = {grant for grant in _present(client) if _is_ours(grant, prefix, declared)}
    required = declared | (present & still_needed(unsent, prefix))
    _grant(client, required - present)
    if stale := present - required:
        settle(client.delete_acls([filter_of(grant) for grant in stale]))


def _grant(client: AdminClient, missing: set[Grant]) -> None:
    if missing:
        settle(client.create_acls([binding_of(grant) for grant in missing]))
        wait_in_force(client, missing)


def wait_in_force(client: AdminClient, granted: set[Grant]) -> None:
    """Waits until the broker applies the permissions: the controller answers before that.

    Raises PermissionsNotAppliedError.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while not granted <= _present(client):
        if time.monotonic() > deadline:
            raise PermissionsNotAppliedError
        time.sleep(0.05)


def binding_of(grant: Grant) -> AclBinding:
    """Returns a permission as an ACL of the broker."""
    return AclBinding(
        ResourceType[grant.kind],
        grant.resource,
        ResourcePatternType.LITERAL,
        f"User:{grant.user}",
        "*",
        AclOperation[grant.operation],
        AclPermissionType.ALLOW,
    )


def filter_of(grant: Grant) -> AclBindingFilter:
    """Returns the filter that matches exactly this permission on the broker."""
    return filter_of_binding(binding_of(grant))


def filter_of_binding(acl: AclBinding) -> AclBindingFilter:
    """Returns the filter that matches exactly this ACL on the broker."""
    pattern = acl.resource_pattern_type
    return AclBindingFilter(acl.restype, acl.name, pattern, acl.principal, acl.host, acl.operation, acl.permission_type)


def grant_of(acl: AclBinding) -> Grant:
    """Returns an ACL as a permission, whatever its pattern, host and type."""
    assert isinstance(acl.operation, AclOperation), "the client's own enumerations"
    assert isinstance(acl.restype, ResourceType), "the client's own enumerations"
    return Grant(acl.principal.removeprefix("User:"), acl.operation.name, acl.restype.name, acl.name)


def _bindings(client: AdminClient) -> list[AclBinding]:
    return list(client.describe_acls(_everything()).result(TIMEOUT_S))


def _present(client: AdminClient) -> set[Grant]:
    return {grant_of(acl) for acl in _bindings(client) if _is_plain(acl)}


def _is_plain(acl: AclBinding) -> bool:
    """Whether an ACL has the form of our own: allowed from every host, for one resource or for all (`*`)."""
    is_literal = acl.resource_pattern_type == ResourcePatternType.LITERAL
    return is_literal and acl.host == "*" and acl.permission_type == AclPermissionType.ALLOW


def _line(acl: AclBinding) -> str:
    text = str(grant_of(acl))
    if acl.resource_pattern_type == ResourcePatternType.PREFIXED:
        text += "*"
    return text.replace(" may ", " may not ", 1) if acl.permission_type == AclPermissionType.DENY else text


def _is_ours(grant: Grant, prefix: str, declared: Collection[Grant]) -> bool:
    """Returns whether a permission belongs to this prefix; without one, to a resource named after a service."""
    if grant.user == OPS:
        return not prefix or grant in declared
    if prefix:
        return grant.resource.startswith(prefix)
    return grant.resource.replace("-relay", ".").split(".", 1)[0] in (*SERVICES, *OUTSIDE_WRITERS)


def _everything() -> AclBindingFilter:
    pattern, operation, permission = ResourcePatternType.ANY, AclOperation.ANY, AclPermissionType.ANY
    # None matches any name, user and host; the type stubs allow only str.
    return AclBindingFilter(ResourceType.ANY, None, pattern, None, None, operation, permission)  # type: ignore[arg-type]
