"""What people may do in the namespace: operators look, scale and restart; releasers apply releases.

A restart is a change of a Deployment, which could also replace its image or mount a Secret; scaling is a change of an
autoscaler. Admission policies therefore let operators change nothing of a Deployment but the annotation of a restart,
and nothing of an autoscaler but its lower bound.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from deploy.cli.processes import RESTARTED
from deploy.manifests.objects import Manifest, manifest

OPERATORS, RELEASERS = "dmp-operators", "dmp-releasers"
"""Groups of the installation's identity provider."""
_LOOK: Final = ["get", "list", "watch"]
_WRITE: Final = [*_LOOK, "create", "patch", "update", "delete"]
_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io/v1"
_HPA_FIELDS: Final = ("scaleTargetRef", "maxReplicas", "metrics", "behavior")
_SCALED_OBJECT_FIELDS: Final = (
    *("scaleTargetRef", "maxReplicaCount", "idleReplicaCount", "pollingInterval", "initialCooldownPeriod"),
    *("cooldownPeriod", "triggers", "fallback", "advanced"),
)
"""The fields of an autoscaler's `spec` that operators leave as they are: all but its lower bound."""


def roles() -> Iterator[Manifest]:
    """Yields the roles, who has them, and the admission policies about restarts and scaling."""
    yield manifest(f"{_RBAC}/v1", "Role", "dmp-operator", rules=_operator_rules())
    yield _binding("dmp-operator", OPERATORS)
    yield manifest(f"{_RBAC}/v1", "Role", "dmp-releaser", rules=_releaser_rules())
    yield _binding("dmp-releaser", RELEASERS)
    yield _restart_policy()
    yield _policy_binding("dmp-operators-only-restart")
    for name, group, resource, fields in (
        ("dmp-operators-only-scale-apis", "autoscaling", "horizontalpodautoscalers", _HPA_FIELDS),
        ("dmp-operators-only-scale-workers", "keda.sh", "scaledobjects", _SCALED_OBJECT_FIELDS),
    ):
        yield _scale_policy(name, group, resource, fields)
        yield _policy_binding(name)


def _operator_rules() -> list[Manifest]:
    """Returns the rules of operators: no Secrets, no way into a pod, no ephemeral containers."""
    core = ["pods", "pods/log", "services", "configmaps", "events", "persistentvolumeclaims", "replicationcontrollers"]
    return [
        _rule("", core, _LOOK),
        _rule("apps", ["deployments", "replicasets"], _LOOK),
        _rule("apps", ["deployments"], ["patch"]),
        _rule("apps", ["deployments/scale"], ["get", "patch", "update"]),
        _rule("batch", ["jobs", "cronjobs"], _LOOK),
        _rule("autoscaling", ["horizontalpodautoscalers"], [*_LOOK, "patch"]),
        _rule("policy", ["poddisruptionbudgets"], _LOOK),
        _rule("networking.k8s.io", ["networkpolicies"], _LOOK),
        _rule("discovery.k8s.io", ["endpointslices"], _LOOK),
        _rule("keda.sh", ["scaledobjects"], [*_LOOK, "patch"]),
        _rule("kafka.strimzi.io", ["kafkas", "kafkanodepools", "kafkatopics", "kafkausers"], _LOOK),
        _rule("postgresql.cnpg.io", ["clusters", "backups", "scheduledbackups"], _LOOK),
        _rule("cert-manager.io", ["certificates", "issuers"], _LOOK),
        _rule("external-secrets.io", ["externalsecrets"], _LOOK),
        _rule("monitoring.coreos.com", ["podmonitors", "prometheusrules"], _LOOK),
    ]


def _releaser_rules() -> list[Manifest]:
    """Returns the rules of who applies releases: all kinds of `deploy/k8s` but Secrets, roles and the policy."""
    return [
        _rule("", ["configmaps", "services", "serviceaccounts", "persistentvolumeclaims"], _WRITE),
        _rule("", ["pods", "pods/log", "events"], _LOOK),
        _rule("apps", ["deployments"], _WRITE),
        _rule("apps", ["replicasets"], _LOOK),
        _rule("batch", ["jobs", "cronjobs"], _WRITE),
        _rule("autoscaling", ["horizontalpodautoscalers"], _WRITE),
        _rule("policy", ["poddisruptionbudgets"], _WRITE),
        _rule("networking.k8s.io", ["networkpolicies"], _WRITE),
        _rule("keda.sh", ["scaledobjects", "triggerauthentications"], _WRITE),
        _rule("kafka.strimzi.io", ["kafkas", "kafkanodepools", "kafkatopics", "kafkausers"], _WRITE),
        _rule("postgresql.cnpg.io", ["clusters", "scheduledbackups"], _WRITE),
        _rule("barmancloud.cnpg.io", ["objectstores"], _WRITE),
        _rule("cert-manager.io", ["certificates", "issuers"], _WRITE),
        _rule("external-secrets.io", ["externalsecrets"], _WRITE),
        _rule("monitoring.coreos.com", ["podmonitors", "prometheusrules"], _WRITE),
    ]


def _rule(group: str, resources: list[str], verbs: list[str]) -> Manifest:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _binding(role: str, group: str) -> Manifest:
    subject = {"apiGroup": _RBAC, "kind": "Group", "name": group}
    reference = {"apiGroup": _RBAC, "kind": "Role", "name": role}
    return manifest(f"{_RBAC}/v1", "RoleBinding", role, roleRef=reference, subjects=[subject])


def _restart_policy() -> Manifest:
    """Returns the policy: what an operator changes of a Deployment is the time of a restart, or nothing."""
    unchanged = (
        "object.spec.template.spec == oldObject.spec.template.spec"
        " && object.spec.selector == oldObject.spec.selector"
        " && object.spec.?strategy == oldObject.spec.?strategy"
        " && object.spec.?paused == oldObject.spec.?paused"
        " && object.metadata.?labels == oldObject.metadata.?labels"
        " && object.spec.template.metadata.?labels == oldObject.spec.template.metadata.?labels"
    )
    annotations = "spec.template.metadata.?annotations.orValue({})"
    only_restart = (
        f"object.{annotations}.all(k, k == '{RESTARTED}' || (k in oldObject.{annotations}"
        f" && object.{annotations}[k] == oldObject.{annotations}[k]))"
        f" && oldObject.{annotations}.all(k, k == '{RESTARTED}' || k in object.{annotations})"
    )
    validations = [
        {"expression": unchanged, "message": "operators restart and scale; a release changes the rest"},
        {"expression": only_restart, "message": f"operators may set the annotation {RESTARTED} alone"},
    ]
    return _policy("dmp-operators-only-restart", "apps", "deployments", validations)


def _scale_policy(name: str, group: str, resource: str, fields: Sequence[str]) -> Manifest:
    """Returns the policy: what an operator changes of an autoscaler is its lower bound."""
    kept = [*(f"spec.?{field}" for field in fields), "metadata.?labels", "metadata.?annotations"]
    unchanged = " && ".join(f"object.{field} == oldObject.{field}" for field in kept)
    message = "operators change the lower bound of an autoscaler alone"
    return _policy(name, group, resource, [{"expression": unchanged, "message": message}])


def _policy(name: str, group: str, resource: str, validations: list[dict[str, str]]) -> Manifest:
    """Returns an admission policy about what operators change of a kind of objects."""
    rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": [resource]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [
            {"name": "operators", "expression": f"request.userInfo.groups.exists(g, g == '{OPERATORS}')"}
        ],
        "validations": validations,
    }
    return manifest(_ADMISSION, "ValidatingAdmissionPolicy", name, spec=spec)


def _policy_binding(name: str) -> Manifest:
    spec = {"policyName": name, "validationActions": ["Deny"]}
    return manifest(_ADMISSION, "ValidatingAdmissionPolicyBinding", name, spec=spec)
