"""The manifests fit the code: its settings, its connections, its time to end, and the load of the nation."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from deploy.edge.clusters import DNS_REFRESH_S
from deploy.edge.settings import EdgeSettings
from deploy.manifests.archives import PRIVATE_KEY
from deploy.manifests.files import K8S, manifest_files
from deploy.manifests.postgres import OTHER_CONNECTIONS
from deploy.manifests.processes import DEREGISTRATION_S, NAMES_AGE_S, PROCESSES, Process, processes_of
from deploy.manifests.variables import cluster_name, variables_of
from deploy.needs import replicas_needed, work_of
from deploy.settings_classes import settings_class
from services.records.deposits.usecases import deposit_documents
from services.records.hl7v2 import listener, steps
from shared.contracts.declarations import SERVICES, Service
from shared.contracts.topics import GROUPS
from shared.http import bulk_lane
from shared.http.prefer import LONGEST_WAIT_S as LONGEST_PREFERRED_WAIT_S
from shared.messaging.subscriber import GRACEFUL_STOP_S
from shared.messaging.topics.grants import OPS, SCALING
from shared.service.owner_settings import OwnerPostgresSettings
from shared.service.serving import API_SHUTDOWN_S, WORKER_SHUTDOWN_S
from shared.service.worker import LONGEST_END_S
from tests.infra.platform.patroni import NODES

FIGURES = Path(__file__).parents[2] / "deploy" / "figures.json"
Manifest = dict[str, Any]


def objects(folder: str) -> list[Manifest]:
    """All objects of the generated files below a folder of deploy/k8s."""
    texts = [path.read_text("utf-8") for path in sorted((K8S / folder).rglob("*.yaml"))]
    manifests = [each for text in texts for each in yaml.load_all(text, yaml.CSafeLoader)]
    return [each for each in manifests if each["kind"] != "Kustomization"]


BASE = objects("base")
JOBS = objects("migrate")


def of_kind(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in BASE if each["kind"] == kind}


def pods() -> Iterator[tuple[str, Manifest]]:
    """Yields the name of each Deployment, Job and CronJob with the spec of its pods."""
    for each in (*of_kind("Deployment").values(), *JOBS):
        yield each["metadata"]["name"], each["spec"]["template"]["spec"]
    for name, each in of_kind("CronJob").items():
        yield name, each["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def settings_of(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper()


def test_no_file_stands_beside_the_generated_ones() -> None:
    generated = {path for path, _ in manifest_files()}
    present = {path for folder in ("base", "migrate") for path in (K8S / folder).rglob("*") if path.is_file()}
    assert present == generated


@pytest.mark.parametrize("service", SERVICES)
def test_a_commit_waits_for_a_standby_as_in_the_rehearsal_of_a_lost_primary(service: Service) -> None:
    spec = of_kind("Cluster")[cluster_name(service)]["spec"]
    assert spec["instances"] == len(NODES)
    assert spec["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}
    assert "synchronous_commit" not in spec["postgresql"]["parameters"]


@pytest.mark.parametrize("service", SERVICES)
def test_all_replicas_at_once_leave_the_database_connections_for_operators(service: Service) -> None:
    cluster = of_kind("Cluster")[cluster_name(service)]
    held = 0
    for process in processes_of(service):
        scaler = of_kind("ScaledObject" if process.consumes else "HorizontalPodAutoscaler")[process.name]
        most = scaler["spec"].get("maxReplicas") or scaler["spec"]["maxReplicaCount"]
        rolling = of_kind("Deployment")[process.name]["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        surge = -(-most * int(rolling.removesuffix("%")) // 100)
        held += (most + surge) * process.connections
    allowed = int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
    assert held + OTHER_CONNECTIONS <= allowed


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_the_most_replicas_carry_the_peak_of_the_nation_without_a_zone(process: Process) -> None:
    assert replicas_needed(process) <= process.most


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_is_a_setting_of_the_service(service: Service) -> None:
    names = set(settings_of(settings_class(service), f"{service.upper()}_"))
    unknown = {name for name in variables_of(service) if name not in names and name.removesuffix("_FILE") not in names}
    assert unknown == set()


@pytest.mark.parametrize("service", SERVICES)
def test_every_secret_of_a_service_is_a_file_that_its_pods_mount(service: Service) -> None:
    """The names of secrets are those of fields of type SecretStr."""
    secret = {
        f"{service.upper()}_{section.upper()}__{name.upper()}"
        for section, field in settings_class(service).model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for name, inner in field.annotation.model_fields.items()
        if "SecretStr" in str(inner.annotation)
    }
    variables = variables_of(service)
    assert secret & set(variables) == set()
    files = {path for name, path in variables.items() if name.endswith("_FILE") and path.startswith("/run/dmp/")}
    for process in processes_of(service):
        pod = of_kind("Deployment")[process.name]["spec"]["template"]["spec"]
        [sources] = [volume["projected"]["sources"] for volume in pod["volumes"] if volume["name"] == "secrets"]
        mounted = {f"/run/dmp/secrets/{item['path']}" for source in sources for item in source["secret"]["items"]}
        assert files <= mounted


def test_every_secret_that_a_pod_mounts_is_made() -> None:
    made = {each["metadata"]["name"]: set(each["spec"]["target"]["template"]["data"]) for each in externals()}
    by_operators = {f"{cluster_name(service)}-ca" for service in SERVICES} | {"dmp-cluster-ca-cert"}
    by_operators |= {each["spec"]["secretName"] for each in of_kind("Certificate").values()}
    by_operators.add(PRIVATE_KEY)  # brought by hand, for as long as a restore takes
    for name, pod in pods():
        for volume in pod["volumes"]:
            for source in volume.get("projected", {}).get("sources", []):
                if "configMap" in source:
                    continue
                secret, keys = source["secret"]["name"], {item["key"] for item in source["secret"]["items"]}
                assert secret in by_operators or keys <= made[secret], name
            if "secret" in volume:
                assert volume["secret"]["secretName"] in made


def externals() -> list[Manifest]:
    return list(of_kind("ExternalSecret").values())


def test_no_container_has_a_secret_in_its_environment() -> None:
    """KEDA resolves every Secret in the environment of what it scales."""
    for name, pod in pods():
        for container in (*pod["containers"], *pod.get("initContainers", [])):
            assert all("valueFrom" not in variable for variable in container.get("env", [])), name
            assert all("secretRef" not in source for source in container.get("envFrom", [])), name


def test_a_migration_gets_the_owners_connection_string_and_no_key() -> None:
    assert {job["metadata"]["name"] for job in JOBS} == {f"{s}-migrate-{p}" for s in SERVICES for p in ("pre", "post")}
    for job in JOBS:
        [container] = job["spec"]["template"]["spec"]["containers"]
        names = {variable["name"].partition("_")[2].removesuffix("_FILE") for variable in container["env"]}
        assert names == {"POSTGRES__OWNER_DSN", "POSTGRES__APP_ROLE"}
        assert {name.partition("__")[2].lower() for name in names} <= set(OwnerPostgresSettings.model_fields)
        assert "envFrom" not in container


def test_no_deployment_sets_the_replicas_that_its_autoscaler_sets() -> None:
    deployments = of_kind("Deployment")
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for each in of_kind(kind).values()
    }
    assert scaled == set(deployments) == {"edge", *(process.name for process in PROCESSES)}
    assert all("replicas" not in each["spec"] for each in deployments.values())


def test_every_group_scales_its_process_by_the_lag_in_each_of_its_topics() -> None:
    """A trigger without a topic sees no lag of a group that has never committed."""
    watched = {
        name: sorted((each["metadata"]["consumerGroup"], each["metadata"]["topic"]) for each in triggers_of(name))
        for name in of_kind("ScaledObject")
    }
    assert watched == {
        process.name: sorted(
            (group.name, topic.name)
            for group in GROUPS
            for topic in group.topics
            if (group.service, group.process) == (process.service, process.role)
        )
        for process in PROCESSES
        if process.consumes
    }


@pytest.mark.parametrize("service", SERVICES)
def test_another_worker_starts_when_what_waits_is_five_seconds_of_a_workers_measured_work(service: Service) -> None:
    measured = json.loads(FIGURES.read_text("utf-8"))
    handled = measured["records_per_document"]  # identity's worker is not measured and counts as the slowest
    a_second = measured["documents_per_s"] * handled.get(f"{service}-worker", min(handled.values()))
    threshold = str(int(a_second * 5))
    modifiers = of_kind("ScaledObject")[f"{service}-worker"]["spec"]["advanced"]["scalingModifiers"]
    triggers = triggers_of(f"{service}-worker")
    assert (modifiers["target"], modifiers["metricType"]) == (threshold, "AverageValue")
    assert {trigger["metadata"]["lagThreshold"] for trigger in triggers} == {threshold}
    assert modifiers["formula"].split(" + ") == [trigger["name"] for trigger in triggers]


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_process_asks_for_more_memory_than_it_held_in_the_benchmark_and_may_take_twice_that(process: Process) -> None:
    held = json.loads(FIGURES.read_text("utf-8"))["memory_mib"]
    most = held.get(process.name, max(held.values()))  # the listener of MLLP is not measured
    assert most <= mebibytes(process.resources.memory)
    assert 2 * most <= mebibytes(process.resources.memory_limit)


def mebibytes(text: str) -> int:
    assert text.endswith("Mi")
    return int(text.removesuffix("Mi"))


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_the_cpu_that_all_replicas_ask_for_carries_the_peak(process: Process) -> None:
    cores = sum(work.cores for work in work_of(process))
    assert cores <= process.most * int(process.resources.cpu.removesuffix("m")) / 1000


def test_a_document_costs_no_more_beside_many_than_beside_few() -> None:
    costs = list(json.loads(FIGURES.read_text("utf-8"))["cpu_ms_beside_stored"].values())
    assert len(costs) >= 2
    assert costs[-1] <= 1.2 * costs[0]


@pytest.mark.parametrize("service", SERVICES)
def test_no_lag_looks_like_none(service: Service) -> None:
    """Neither what no commit covers, nor what stands still between two looks, nor what cannot be asked for."""
    for trigger in triggers_of(f"{service}-worker"):
        metadata = trigger["metadata"]
        assert (metadata["offsetResetPolicy"], metadata["excludePersistentLag"]) == ("earliest", "false")
        assert metadata.keys().isdisjoint({"scaleToZeroOnInvalidOffset", "limitToPartitionsWithLag"})
    spec = of_kind("ScaledObject")[f"{service}-worker"]["spec"]
    assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
    assert spec["fallback"]["replicas"] == spec["minReplicaCount"] > 0


def triggers_of(name: str) -> list[Manifest]:
    triggers: list[Manifest] = of_kind("ScaledObject")[name]["spec"]["triggers"]
    return triggers


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_pod_has_longer_to_end_than_its_code_waits(process: Process) -> None:
    pod = of_kind("Deployment")[process.name]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    waited = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    in_the_lane = bulk_lane.LONGEST_WAIT_S + deposit_documents.LONGEST_BULK_WAIT_S
    promised, waits = {
        "api": (in_the_lane + LONGEST_PREFERRED_WAIT_S, API_SHUTDOWN_S),
        "worker": (GRACEFUL_STOP_S, GRACEFUL_STOP_S + LONGEST_END_S),
        "mllp": (max(in_the_lane, listener.LONGEST_WAIT_S) + steps.DECISION_WAIT_S, listener.DRAIN_S),
        "extract": (GRACEFUL_STOP_S, GRACEFUL_STOP_S + WORKER_SHUTDOWN_S),
    }[process.role]
    assert waits >= promised + 2
    assert pod["terminationGracePeriodSeconds"] >= waited + waits + 5


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_the_edge_learns_that_a_pod_of_an_api_leaves_before_the_pod_ends(process: Process) -> None:
    if process.role == "extract":
        assert process.name not in of_kind("Service"), "nobody reaches it but Prometheus"
        return
    spec = of_kind("Service")[process.name]["spec"]
    [container] = of_kind("Deployment")[process.name]["spec"]["template"]["spec"]["containers"]
    assert ("clusterIP" in spec) == (process.role == "api")
    if process.role == "api":
        assert spec["clusterIP"] == "None"
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] > NAMES_AGE_S + DNS_REFRESH_S
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert edge_settings().services[process.service] == f"{process.name}:{ports['http']}"


def test_a_server_gives_the_processes_as_long_to_end_as_a_cluster() -> None:
    """Beside the seconds out of the endpoints, which only a cluster has."""
    text = (Path(__file__).parents[2] / "deploy" / "compose.yaml").read_text("utf-8")
    grace_s = int(yaml.load(text, yaml.CSafeLoader)["x-process"]["stop_grace_period"].removesuffix("s"))
    assert grace_s >= max(process.grace_s - DEREGISTRATION_S * process.serves_callers for process in PROCESSES)


def test_operators_can_neither_read_secrets_nor_enter_a_pod() -> None:
    rules = of_kind("Role")["dmp-operator"]["rules"]
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert resources.isdisjoint({"secrets", "pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers"})
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch", "patch", "update"}
    changed = {(r, v) for rule in rules for r in rule["resources"] for v in rule["verbs"] if v in ("patch", "update")}
    scalers = {"horizontalpodautoscalers", "scaledobjects"}  # policies leave their lower bound to them
    assert {resource for resource, _ in changed} == {"deployments", "deployments/scale", *scalers}


@pytest.mark.parametrize(("user", "operations"), [(OPS, {"Describe", "DescribeConfigs"}), (SCALING, {"Describe"})])
def test_who_looks_at_kafka_reads_no_message(user: str, operations: set[str]) -> None:
    acls = of_kind("KafkaUser")[user]["spec"]["authorization"]["acls"]
    assert {operation for acl in acls for operation in acl["operations"]} == operations


def test_lags_are_read_by_a_user_who_describes_the_groups_and_topics_of_the_triggers_alone() -> None:
    spec = of_kind("KafkaUser")[SCALING]["spec"]
    described = {(acl["resource"]["type"], acl["resource"]["name"]) for acl in spec["authorization"]["acls"]}
    asked = {
        (kind, trigger["metadata"][key])
        for name in of_kind("ScaledObject")
        for trigger in triggers_of(name)
        for kind, key in (("group", "consumerGroup"), ("topic", "topic"))
    }
    assert described == asked
    login = of_kind("TriggerAuthentication")["kafka-lag"]["spec"]["secretTargetRef"]
    logins = {target["name"] for target in login if target["parameter"] in ("username", "password")}
    assert logins == {spec["authentication"]["password"]["valueFrom"]["secretKeyRef"]["name"]}
    [secret] = [each for each in externals() if {each["metadata"]["name"]} == logins]
    assert secret["spec"]["target"]["template"]["data"]["username"] == SCALING


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_process_reaches_a_collector_of_traces_where_prometheus_is(process: Process) -> None:
    policy = of_kind("NetworkPolicy")[process.name]["spec"]
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert "Egress" in policy["policyTypes"]
    assert {"to": [monitoring], "ports": [{"protocol": "TCP", "port": 4318}]} in policy["egress"]
    assert [rule for rule in policy["ingress"] if monitoring in rule["from"]]


def test_the_pool_that_sizes_count_is_the_one_that_the_services_have() -> None:
    changed = [name for service in SERVICES for name in variables_of(service) if "POOL_SIZE" in name]
    assert changed == []


def test_no_secret_stands_in_the_repository() -> None:
    assert not [each for each in BASE if each["kind"] == "Secret"]


def test_a_manifest_is_written_without_aliases() -> None:
    texts = [text for path, text in manifest_files() if path.suffix == ".yaml"]
    assert not [text for text in texts if "&id0" in text or "*id0" in text]


def edge_settings() -> EdgeSettings:
    """The settings of the edge's pods, as `deploy.edge` reads them."""
    return EdgeSettings.model_validate(tomllib.loads((K8S / "base" / "edge" / "edge.toml").read_text("utf-8")))


def spec_of(deployment: str) -> Manifest:
    pod: Manifest = of_kind("Deployment")[deployment]["spec"]["template"]["spec"]
    return pod


def secret_of(pod: Manifest, path: str) -> tuple[str, str]:
    """The Secret and its key behind a file in the folder of TLS of a pod."""
    [volume] = [each for each in pod["volumes"] if each["name"] == "tls"]
    [found] = [
        (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source.get("secret", {}).get("items", [])
        if f"/run/dmp/tls/{item['path']}" == path
    ]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_the_edge_and_an_api_prove_to_each_other_who_they_are(service: Service) -> None:
    certificates, settings = of_kind("Certificate"), edge_settings()
    api, edge = spec_of(f"{service}-api"), spec_of("edge")
    [container] = api["containers"]
    variables = {each["name"].removeprefix(f"{service.upper()}_HTTP__"): each["value"] for each in container["env"]}
    own, key = secret_of(api, variables["CERTIFICATE_FILE"])
    assert (own, "tls.key") == secret_of(api, variables["KEY_FILE"])
    proof, _ = secret_of(edge, str(settings.service_certificate))
    assert (proof, "tls.key") == secret_of(edge, str(settings.service_key))
    assert secret_of(api, variables["PROXY_AUTHORITIES_FILE"]) == (own, "ca.crt")
    assert secret_of(edge, str(settings.service_authorities)) == (proof, "ca.crt")
    shown, showing = certificates[own]["spec"], certificates[proof]["spec"]
    assert shown["issuerRef"] == showing["issuerRef"]
    assert (shown["usages"], showing["usages"]) == (["server auth"], ["client auth"])
    assert settings.services[service].partition(":")[0] in shown["dnsNames"]
    assert key == "tls.crt"


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_process_shows_the_edge_the_probes_and_prometheus_a_certificate_of_its_own(process: Process) -> None:
    """The metrics of an API have a port of their own, without TLS."""
    pod, certificates = spec_of(process.name), of_kind("Certificate")
    [container] = pod["containers"]
    section = "HTTP" if process.role == "api" else "WORKER"
    variables = {each["name"]: each["value"] for each in container["env"]}
    prefix = f"{process.service.upper()}_{section}__"
    own, key = secret_of(pod, variables[f"{prefix}CERTIFICATE_FILE"])
    assert key == "tls.crt"
    assert secret_of(pod, variables[f"{prefix}KEY_FILE"]) == (own, "tls.key")
    spec = certificates[own]["spec"]
    assert (spec["dnsNames"], spec["usages"]) == ([process.name], ["server auth"])
    assert spec["issuerRef"] == certificates["edge-proof-tls"]["spec"]["issuerRef"]
    assert {probe["httpGet"]["scheme"] for name, probe in container.items() if name.endswith("Probe")} == {"HTTPS"}
    [endpoint] = [
        endpoint
        for endpoint in of_kind("PodMonitor")[process.service]["spec"]["podMetricsEndpoints"]
        if [rule["regex"] for rule in endpoint["relabelings"] if rule["action"] == "keep"] == [container["name"]]
    ]
    trust = {"ca": {"secret": {"name": own, "key": "ca.crt"}}, "serverName": process.name}
    expected = (None, None) if process.role == "api" else ("https", trust)
    assert (endpoint.get("scheme"), endpoint.get("tlsConfig")) == expected
    probed = {probe["httpGet"]["port"] for name, probe in container.items() if name.endswith("Probe")}
    assert (endpoint["port"] in probed) == (endpoint.get("scheme") == "https")


def test_the_edge_reaches_workers_by_the_name_that_their_certificate_has() -> None:
    settings, certificates = edge_settings(), of_kind("Certificate")
    assert set(settings.workers) == set(SERVICES)
    for service, address in settings.workers.items():
        assert address.partition(":")[0] in certificates[f"{service}-worker-tls"]["spec"]["dnsNames"]


def test_no_api_is_told_to_listen_without_tls() -> None:
    overlays = [path.read_text("utf-8") for path in (K8S / "overlays").rglob("*.yaml")]
    settings = [name for service in SERVICES for name in variables_of(service)]
    assert not [text for text in (*overlays, *settings) if "PLAINTEXT" in text]


def test_the_edge_shows_one_certificate_for_all_its_names_and_keeps_the_addresses_of_callers() -> None:
    settings, service = edge_settings(), of_kind("Service")["edge"]["spec"]
    shown, _ = secret_of(spec_of("edge"), str(settings.certificate))
    names = {f"{name}.{settings.domain}" for name in (*SERVICES, "cards", "operators")}
    assert set(of_kind("Certificate")[shown]["spec"]["dnsNames"]) == names
    assert service["externalTrafficPolicy"] == "Local"
    [envoy] = spec_of("edge")["containers"]
    ports = {port["name"]: port["containerPort"] for port in envoy["ports"]}
    listeners = ("https", "cards", "operators", "mllp")
    assert [ports[name] for name in listeners] == [getattr(settings, f"{name}_port") for name in listeners]
    assert {port["targetPort"] for port in service["ports"]} == set(listeners)


def test_the_edge_waits_for_the_longest_answer_before_it_ends_and_its_signer_ends_after_it() -> None:
    pod = spec_of("edge")
    [envoy] = pod["containers"]
    assert int(envoy["lifecycle"]["preStop"]["exec"]["command"][-1]) >= edge_settings().limits.answer_s
    assert pod["terminationGracePeriodSeconds"] > int(envoy["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert [each["name"] for each in pod["initContainers"] if each.get("restartPolicy") == "Always"] == ["signer"]
