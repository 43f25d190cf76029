"""What people may do in the namespace: operators look, scale and restart; releasers apply releases.

A restart is a change of a Deployment, which could also replace its image or mount a Secret. An admission policy
therefore lets operators change nothing of a Deployment but the annotation of a restart.
"""

from collections.abc import Iterator
from typing import Final

from deploy.manifests.objects import Manifest, manifest

OPERATORS, RELEASERS = "dmp-operators", "dmp-releasers"
"""Groups of the installation's identity provider."""
_LOOK: Final = ["get", "list", "watch"]
_WRITE: Final = [*_LOOK, "create", "patch", "update", "delete"]
_RBAC: Final = "rbac.authorization.k8s.io"
RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"


def roles() -> Iterator[Manifest]:
    """Yields the roles, who has them, and the admission policy about restarts."""
    yield manifest(f"{_RBAC}/v1", "Role", "dmp-operator", rules=_operator_rules())
    yield _binding("dmp-operator", OPERATORS)
    yield manifest(f"{_RBAC}/v1", "Role", "dmp-releaser", rules=_releaser_rules())
    yield _binding("dmp-releaser", RELEASERS)
    yield _restart_policy()
    policy = {"policyName": "dmp-operators-only-restart", "validationActions": ["Deny"]}
    name = "dmp-operators-only-restart"
    yield manifest("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", name, spec=policy)


def _operator_rules() -> list[Manifest]:
    """Returns the rules of operators: no Secrets, no way into a pod, no ephemeral containers."""
    core = ["pods", "pods/log", "services", "configmaps", "events", "persistentvolumeclaims", "replicationcontrollers"]
    return [
        _rule("", core, _LOOK),
        _rule("apps", ["deployments", "replicasets"], _LOOK),
        _rule("apps", ["deployments"], ["patch"]),
        _rule("apps", ["deployments/scale"], ["get", "patch", "update"]),
        _rule("batch", ["jobs"], _LOOK),
        _rule("autoscaling", ["horizontalpodautoscalers"], _LOOK),
        _rule("policy", ["poddisruptionbudgets"], _LOOK),
        _rule("networking.k8s.io", ["networkpolicies"], _LOOK),
        _rule("discovery.k8s.io", ["endpointslices"], _LOOK),
        _rule("keda.sh", ["scaledobjects"], _LOOK),
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
        _rule("batch", ["jobs"], _WRITE),
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
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "operations": ["UPDATE"],
                    "resources": ["deployments"],
                }
            ]
        },
        "matchConditions": [
            {"name": "operators", "expression": f"request.userInfo.groups.exists(g, g == '{OPERATORS}')"}
        ],
        "validations": [
            {"expression": unchanged, "message": "operators restart and scale; a release changes the rest"},
            {"expression": only_restart, "message": f"operators may set the annotation {RESTARTED} alone"},
        ],
    }
    return manifest(
        "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "dmp-operators-only-restart", spec=spec
    )
