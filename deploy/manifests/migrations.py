"""The Jobs that migrate the databases, before the processes of a release (`pre`) and with the next release (`post`).

`deploy.release` adds the name of the release to the name of each Job: a Job's template cannot be changed, so that a
second release under the same name would be refused. A Job has the owner's connection string, and no key.
"""

from collections.abc import Iterator
from typing import Final

from deploy.manifests.objects import PART_OF, Manifest, labels_of, manifest
from deploy.manifests.pods import container, mount, projected, secret, security
from deploy.manifests.processes import Resources
from deploy.manifests.variables import SECRETS, cluster_name
from shared.contracts.declarations import SERVICES, Service
from shared.db.migrate import Phase

_SIZE: Final = Resources("100m", "128Mi", "256Mi")
_KEPT_S: Final = 7 * 24 * 3600
_ATTEMPTS: Final = 6


def jobs(phase: Phase) -> Iterator[Manifest]:
    """Yields the Job of each service."""
    for service in SERVICES:
        yield _job(service, phase)


def _job(service: Service, phase: Phase) -> Manifest:
    labels = labels_of(service, "migrate")
    volume = projected(
        "secrets",
        secret(f"{service}-database-owner", {"owner-dsn": "owner-dsn"}),
        secret(f"{cluster_name(service)}-ca", {"ca.crt": "postgres-ca.crt"}),
    )
    run = container("migrate", [f"services.{service}", "migrate", "--phase", phase], _SIZE)
    run["env"] = [
        {"name": f"{service.upper()}_POSTGRES__OWNER_DSN_FILE", "value": f"{SECRETS}/owner-dsn"},
        {"name": f"{service.upper()}_POSTGRES__APP_ROLE", "value": f"{service}_app"},
    ]
    run["volumeMounts"] = [mount("secrets", SECRETS)]
    pod = {
        "serviceAccountName": service,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": security(),
        "containers": [run],
        "volumes": [volume],
    }
    spec = {
        "backoffLimit": _ATTEMPTS,
        "ttlSecondsAfterFinished": _KEPT_S,
        "template": {"metadata": {"labels": {**PART_OF, **labels}}, "spec": pod},
    }
    return manifest("batch/v1", "Job", f"{service}-migrate-{phase}", labels=labels, spec=spec)
