"""PostgreSQL by CloudNativePG: one cluster for each service, synchronous, with encrypted backups by barman."""

from collections.abc import Iterator
from typing import Final

from deploy.cli.databases import OPERATOR
from deploy.manifests.network import database_policies
from deploy.manifests.objects import Manifest, labels_of, manifest
from deploy.manifests.processes import connections_of
from deploy.manifests.variables import OPERATOR_LOGIN, cluster_name
from services.identity.settings import RetentionSettings
from shared.contracts.declarations import SERVICES, Service

API: Final = "postgresql.cnpg.io/v1"
PLUGIN: Final = "barman-cloud.cloudnative-pg.io"
VERSION: Final = 18
ZONES: Final = "topology.kubernetes.io/zone"
OTHER_CONNECTIONS: Final = 20
"""Connections for migrations, operators' commands, replicas, backups and the operator of the cluster."""
STORAGE_GIB: Final[dict[Service, int]] = {
    "identity": 500,
    "records": 16000,
    "consent": 200,
    "audit": 13000,
    "notify": 500,
}
"""Storage of one instance; `deploy.needs` says what three years take."""
INSTANCES: Final = 3
"""A primary and its standbys, one in each zone."""
_BACKUPS_DAYS: Final[int] = RetentionSettings.model_fields["backups_days"].default
_STEP: Final = 50


def clusters() -> Iterator[Manifest]:
    """Yields each service's cluster, where its backups go, when they are taken, and who reaches it."""
    for service in SERVICES:
        yield _cluster(service)
        yield _store(service)
        yield _backup(service)
    yield from database_policies()


def max_connections(service: Service) -> int:
    """Returns the cluster's limit: what all processes hold at most, and OTHER_CONNECTIONS, rounded up."""
    needed = connections_of(service) + OTHER_CONNECTIONS
    return -(-needed // _STEP) * _STEP


def _cluster(service: Service) -> Manifest:
    volumes = {"storage": {"size": f"{STORAGE_GIB[service]}Gi"}, "walStorage": {"size": "100Gi"}}
    spec = {
        "instances": INSTANCES,
        "imageCatalogRef": {
            "apiGroup": "postgresql.cnpg.io",
            "kind": "ClusterImageCatalog",
            "name": "postgresql",
            "major": VERSION,
        },
        "enableSuperuserAccess": False,
        "bootstrap": {"initdb": _bootstrap(service)},
        "managed": {"roles": _roles(service)},
        "postgresql": {
            # A commit waits for one of two replicas in other zones, and fails rather than go on without.
            "synchronous": {"method": "any", "number": 1, "dataDurability": "required"},
            "parameters": {
                "max_connections": str(max_connections(service)),
                "shared_buffers": "8GB",
                "max_wal_size": "16GB",
                "wal_compression": "lz4",
            },
        },
        **volumes,
        "resources": {"requests": {"cpu": "4", "memory": "32Gi"}, "limits": {"memory": "32Gi"}},
        "affinity": {"enablePodAntiAffinity": True, "podAntiAffinityType": "required", "topologyKey": ZONES},
        "plugins": [{"name": PLUGIN, "isWALArchiver": True, "parameters": {"barmanObjectName": cluster_name(service)}}],
    }
    return manifest(API, "Cluster", cluster_name(service), labels=labels_of(service, "database"), spec=spec)


def _bootstrap(service: Service) -> Manifest:
    """Returns how the database is made: the owner migrates it, and nobody but the members of the app role enters."""
    app = f"{service}_app"
    return {
        "database": service,
        "owner": f"{service}_owner",
        "secret": {"name": f"{service}-owner-role"},
        "dataChecksums": True,
        "postInitApplicationSQL": [
            f"create role {app} nologin",
            f"revoke all on database {service} from public",
            f"create role {OPERATOR} nologin",
            f"create role {service}_dump nologin",
            f"grant connect on database {service} to {app}, {OPERATOR}, {service}_dump",
            "revoke all on schema public from public",
            f"grant usage on schema public to {app}",
        ],
    }


def _roles(service: Service) -> list[Manifest]:
    """Returns the roles: the service's own, that of its dumps, which reads everything and writes nothing, and the
    operators', who see statistics and no table (pg_monitor)."""
    app = f"{service}_app"
    members = [
        {
            "name": f"{service}_{process}",
            "ensure": "present",
            "login": True,
            "inherit": True,
            "inRoles": [app],
            "passwordSecret": {"name": f"{service}-{process}-role"},
        }
        for process in ("api", "worker")
    ]
    dump = {
        "name": f"{service}_dump",
        "ensure": "present",
        "login": True,
        "inherit": True,
        "inRoles": ["pg_read_all_data"],
        "passwordSecret": {"name": f"{service}-dump-role"},
    }
    operator = {
        "name": OPERATOR,
        "ensure": "present",
        "login": True,
        "inRoles": ["pg_monitor"],
        "passwordSecret": {"name": OPERATOR_LOGIN},
    }
    return [{"name": app, "ensure": "present", "login": False}, *members, dump, operator]


def _store(service: Service) -> Manifest:
    """Returns where backups go. The object store encrypts them under a key of the key service that operators lack."""
    keys = {"accessKeyId": "id", "secretAccessKey": "secret"}
    encrypted = {"compression": "gzip", "encryption": "aws:kms"}
    spec = {
        "retentionPolicy": f"{_BACKUPS_DAYS}d",
        "configuration": {
            "destinationPath": f"s3://dmp-backups-{service}/",
            "endpointURL": "https://objects.dmp.example",
            "s3Credentials": {field: {"name": "backup-store", "key": key} for field, key in keys.items()},
            "wal": {**encrypted, "maxParallel": 4},
            "data": encrypted,
        },
    }
    return manifest("barmancloud.cnpg.io/v1", "ObjectStore", cluster_name(service), spec=spec)


def _backup(service: Service) -> Manifest:
    spec = {
        "schedule": "0 0 2 * * *",
        "cluster": {"name": cluster_name(service)},
        "method": "plugin",
        "pluginConfiguration": {"name": PLUGIN},
        "target": "prefer-standby",
        "backupOwnerReference": "cluster",
    }
    return manifest(API, "ScheduledBackup", cluster_name(service), spec=spec)
