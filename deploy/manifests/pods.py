"""The pods of the services: containers, mounted secrets, probes, their end, their spread over zones and nodes."""

from typing import Final, Literal

from deploy.manifests.objects import PART_OF, Manifest, labels_of
from deploy.manifests.processes import DEREGISTRATION_S, Process, Resources
from deploy.manifests.replicas import spread
from deploy.manifests.variables import (
    CARDS,
    ERASURES,
    HTTP_PORT,
    METRICS_PORT,
    MLLP,
    MLLP_PORT,
    OUTGOING,
    SECRETS,
    TLS,
    WORKER_PORT,
    api_variables,
    cluster_name,
    key_files,
    worker_variables,
)

IMAGE: Final = "dmp"
"""The name that an overlay, or `deploy.release`, replaces by the image of a release."""
USER: Final = 10001
TMP: Final = {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}
_GATEWAY_FILES: Final = {f"{name}.pem": f"{name}-gateway.pem" for name in ("sms", "letters")}
_READABLE: Final = 0o440
"""Mode of mounted secrets: for the pod's user and group."""


def pod_template(process: Process) -> Manifest:
    """Returns the template of a process's pods."""
    labels = {
        **PART_OF,
        **labels_of(process.service, process.role),
        "app.kubernetes.io/instance": f"dmp-{process.name}",
    }
    volumes, mounts = _volumes(process)
    return {
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": process.service,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": security(),
            "terminationGracePeriodSeconds": process.grace_s,
            "topologySpreadConstraints": spread(
                labels_of(process.service, process.role), is_strict=process.serves_callers
            ),
            "containers": [_container(process, mounts)],
            "volumes": [*volumes, TMP],
        },
    }


def security() -> Manifest:
    """Returns the security context of a pod, as the Pod Security Standard `restricted` asks."""
    profile = {"seccompProfile": {"type": "RuntimeDefault"}}
    return {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER, **profile}


def container(name: str, arguments: list[str], resources: Resources, image: str = IMAGE) -> Manifest:
    """Returns a container without privileges, whose root file system is read-only."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments,
        "resources": {
            "requests": {"cpu": resources.cpu, "memory": resources.memory},
            "limits": {"memory": resources.memory_limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def projected(name: str, *sources: Manifest) -> Manifest:
    """Returns a volume of several Secrets; the kubelet replaces its files together when a Secret changes."""
    return {"name": name, "projected": {"defaultMode": _READABLE, "sources": list(sources)}}


def secret(name: str, items: dict[str, str]) -> Manifest:
    """Returns the part of a projected volume that comes from a Secret; `items`: key -> file."""
    return {"secret": {"name": name, "items": [{"key": key, "path": path} for key, path in items.items()]}}


def mount(volume: str, folder: str, **rest: str) -> Manifest:
    """Returns the read-only mount of a volume."""
    return {"name": volume, "mountPath": folder, "readOnly": True, **rest}


def _container(process: Process, mounts: list[Manifest]) -> Manifest:
    port, variables = "metrics", worker_variables(process.service)
    if process.role == "api":
        port, variables = "http", api_variables(process.service)
    settings = {"configMapRef": {"name": f"{process.service}-settings"}}
    made = container(process.role, [f"services.{process.service}", process.role], process.resources)
    made |= {"envFrom": [settings], "ports": _ports(process)}
    made["env"] = [{"name": name, "value": value} for name, value in variables.items()]
    made |= probes(port, scheme="HTTPS")
    if process.serves_callers:
        made["lifecycle"] = {"preStop": {"sleep": {"seconds": DEREGISTRATION_S}}}
    temporary = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108  # a volume of the pod alone
    made["volumeMounts"] = [*mounts, temporary]
    return made


def _ports(process: Process) -> list[Manifest]:
    ports = {
        "api": {"http": HTTP_PORT, "metrics": METRICS_PORT},
        "worker": {"metrics": WORKER_PORT},
        "mllp": {"mllp": MLLP_PORT, "metrics": WORKER_PORT},
        "extract": {"metrics": WORKER_PORT},
    }[process.role]
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()]


def probes(
    port: str, paths: tuple[str, str] = ("/livez", "/readyz"), scheme: Literal["HTTP", "HTTPS"] = "HTTP"
) -> Manifest:
    """Returns the probes. A start may take a minute on a busy node; a silent process is ended after a minute.

    `paths`: of the page that says whether it lives, and whether it is ready.
    """
    tls = {"scheme": scheme} if scheme == "HTTPS" else {}
    alive, ready = ({"httpGet": {"path": path, "port": port, **tls}} for path in paths)
    return {
        "startupProbe": {**alive, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 30},
        "livenessProbe": {**alive, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {**ready, "periodSeconds": 5, "timeoutSeconds": 4, "failureThreshold": 3},
    }


def _volumes(process: Process) -> tuple[list[Manifest], list[Manifest]]:
    """Returns the volumes of a process and their mounts."""
    service = process.service
    login = "worker-dsn" if process.consumes else "api-dsn"
    secrets = projected(
        "secrets",
        secret(f"{service}-database", {login: "postgres-dsn"}),
        secret(f"{cluster_name(service)}-ca", {"ca.crt": "postgres-ca.crt"}),
        secret(f"{service}-kafka", {"password": "kafka-password"}),
        secret("dmp-cluster-ca-cert", {"ca.crt": "kafka-ca.crt"}),
        *(
            [secret(f"{service}-keys", {file: file for file in key_files(service).values()})]
            if key_files(service)
            else []
        ),
        *([secret("notify-gateways", _GATEWAY_FILES)] if service == "notify" else []),
    )
    certificate = projected(
        "tls", secret(process.certificate, {file: file for file in ("tls.crt", "tls.key", "ca.crt")})
    )
    volumes, mounts = [secrets, certificate], [mount("secrets", SECRETS), mount("tls", TLS)]
    if service == "identity" and process.role == "api":
        volumes.append({"name": "cards", "secret": {"secretName": "identity-cards", "defaultMode": _READABLE}})
        mounts.append(mount("cards", CARDS))
    if service == "records" and process.role != "extract":
        shown = secret("records-mllp-tls", {"tls.crt": "tls.crt", "tls.key": "tls.key"})
        volumes.append(projected("mllp", shown, secret("records-mllp-senders", {"ca.crt": "senders.crt"})))
        mounts.append(mount("mllp", MLLP))
    if service == "identity" and process.role == "worker":
        volumes.append({"name": "erasures", "persistentVolumeClaim": {"claimName": "identity-erasures"}})
        mounts.append({"name": "erasures", "mountPath": ERASURES})
    if service == "notify" and process.role == "worker":
        volumes.append({"name": "outgoing", "persistentVolumeClaim": {"claimName": "notify-outgoing"}})
        mounts += [
            {"name": "outgoing", "mountPath": f"{OUTGOING}/{kind}", "subPath": kind} for kind in ("sms", "letters")
        ]
    return volumes, mounts
