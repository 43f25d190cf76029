"""Archives of the databases: for each service a CronJob that makes one, and a suspended one for restores.

Two containers of a pod share a named pipe. PostgreSQL's programs write or read the dump there, the image of the release
encrypts or decrypts it (`shared.crypto.archives`): in clear text a dump is never stored.
"""

from collections.abc import Iterator
from typing import Final, Literal

from deploy.manifests.network import policy_to_database
from deploy.manifests.objects import PART_OF, Manifest, labels_of, manifest
from deploy.manifests.pods import IMAGE, container, mount, projected, secret, security
from deploy.manifests.postgres import STORAGE_GIB
from deploy.manifests.processes import Resources
from deploy.manifests.variables import SECRETS, SERVICE_FILE, cluster_name
from shared.contracts.declarations import SERVICES, Service

POSTGRES_IMAGE: Final = "dmp-postgres"
"""The name that an overlay replaces by an image with the programs of PostgreSQL, at least of the servers' version."""
RECIPIENTS: Final = "archive-recipients"
"""The installation's own ConfigMap with the public keys, `archives.pub`."""
PRIVATE_KEY: Final = "archive-key"
"""The Secret with the private key, `archives.key`, which exists for as long as a restore takes."""
_ARCHIVES, _PIPE, _KEYS = "/archives", "/run/dmp/pipe", "/run/dmp/archive-keys"
_SIZE: Final = Resources("500m", "256Mi", "1Gi")
_LONGEST_S: Final = 2 * 24 * 3600
_KEPT_S: Final = 7 * 24 * 3600
_SUNDAY: Final = "0 {hour} * * 0"
_MAKE_PIPE: Final = 'mkfifo "$PIPE/dump" 2> /dev/null || test -p "$PIPE/dump"\n'
DUMP: Final = (
    _MAKE_PIPE
    + """\
exec 3> "$PIPE/dump"  # the reader sees the end when this script has ended, and by then `whole` is there
pg_dump --dbname=service=database --format=custom >&3
touch "$PIPE/whole"
"""
)
ENCRYPT: Final = (
    _MAKE_PIPE
    + """\
umask 027
python -m shared.crypto.archives encrypt --to "$KEYS/archives.pub" < "$PIPE/dump" > "$ARCHIVES/$SERVICE.dump.age.new"
test -e "$PIPE/whole"  # a dump that broke off replaces nothing
sync "$ARCHIVES/$SERVICE.dump.age.new"
mv "$ARCHIVES/$SERVICE.dump.age.new" "$ARCHIVES/$SERVICE.dump.age"
"""
)
DECRYPT: Final = (
    _MAKE_PIPE
    + """\
python -m shared.crypto.archives decrypt --key "$KEYS/archives.key" > "$PIPE/dump" < "$ARCHIVES/$SERVICE.dump.age"
"""
)
RESTORE: Final = (
    _MAKE_PIPE
    + """\
pg_restore --exit-on-error --single-transaction --dbname=service=database < "$PIPE/dump"
"""
)

Way = Literal["dump", "restore"]


def archives() -> Iterator[Manifest]:
    """Yields where the archives of each service lie, what makes and what restores one, and what their pods reach."""
    for number, service in enumerate(SERVICES):
        yield _claim(service)
        yield _cron_job(service, "dump", {"schedule": _SUNDAY.format(hour=number)})
        # Nothing starts it but `kubectl create job --from`.
        yield _cron_job(service, "restore", {"schedule": _SUNDAY.format(hour=number), "suspend": True})
        yield policy_to_database(service, "dump")
        yield policy_to_database(service, "restore")


def _claim(service: Service) -> Manifest:
    """Returns the volume, which who copies archives to another region mounts too. An archive is smaller than its
    database, and two lie there while one is made."""
    size = f"{2 * STORAGE_GIB[service]}Gi"
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}}
    return manifest("v1", "PersistentVolumeClaim", f"{service}-archives", spec=spec)


def _cron_job(service: Service, way: Way, when: Manifest) -> Manifest:
    labels = labels_of(service, way)
    job = {
        "activeDeadlineSeconds": _LONGEST_S,
        "backoffLimit": {"dump": 2, "restore": 0}[way],
        "ttlSecondsAfterFinished": _KEPT_S,
        "template": {"metadata": {"labels": {**PART_OF, **labels}}, "spec": _pod(service, way)},
    }
    spec = {**when, "concurrencyPolicy": "Forbid", "jobTemplate": {"metadata": {"labels": labels}, "spec": job}}
    return manifest("batch/v1", "CronJob", f"{service}-{way}", labels=labels, spec=spec)


def _pod(service: Service, way: Way) -> Manifest:
    login = {"dump": f"{service}-database-dump", "restore": f"{service}-database-owner"}[way]
    connection = projected(
        "secrets",
        secret(login, {SERVICE_FILE: SERVICE_FILE}),
        secret(f"{cluster_name(service)}-ca", {"ca.crt": "postgres-ca.crt"}),
    )
    public = {"name": RECIPIENTS, "items": [{"key": "archives.pub", "path": "archives.pub"}]}
    keys = {
        "dump": projected("keys", {"configMap": public}),
        "restore": projected("keys", secret(PRIVATE_KEY, {"archives.key": "archives.key"})),
    }[way]
    programs, ciphers = {"dump": (DUMP, ENCRYPT), "restore": (RESTORE, DECRYPT)}[way]
    pipe = {"name": "pipe", "mountPath": _PIPE}
    postgres = _container("postgres", POSTGRES_IMAGE, programs, {"PGSERVICEFILE": f"{SECRETS}/{SERVICE_FILE}"})
    postgres["volumeMounts"] = [mount("secrets", SECRETS), pipe]
    archive = {"name": "archives", "mountPath": _ARCHIVES, "readOnly": way == "restore"}
    cipher = _container("cipher", IMAGE, ciphers, {"KEYS": _KEYS, "ARCHIVES": _ARCHIVES, "SERVICE": service})
    cipher["volumeMounts"] = [mount("keys", _KEYS), archive, pipe]
    return {
        "serviceAccountName": service,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": security(),
        "containers": [postgres, cipher],
        "volumes": [
            connection,
            keys,
            {"name": "archives", "persistentVolumeClaim": {"claimName": f"{service}-archives"}},
            {"name": "pipe", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        ],
    }


def _container(name: str, image: str, script: str, variables: dict[str, str]) -> Manifest:
    run = container(name, [script], _SIZE, image)
    run["command"] = ["/bin/sh", "-euc"]
    run["env"] = [{"name": key, "value": value} for key, value in {"PIPE": _PIPE, **variables}.items()]
    return run
