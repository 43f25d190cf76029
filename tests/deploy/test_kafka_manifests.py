"""The objects of Kafka by Strimzi: what keeps the members of a pool apart, and what clients rely on."""

import re
from pathlib import Path

from deploy.manifests.kafka import cluster
from deploy.manifests.objects import Manifest

OBJECTS = list(cluster())
PAGE = Path(__file__).parents[2] / "docs" / "certificates.md"
POOLS = {each["metadata"]["name"]: each["spec"] for each in OBJECTS if each["kind"] == "KafkaNodePool"}


def pool_kept_apart(spec: Manifest) -> tuple[str, str]:
    """The pool whose members the rule of a pool keeps apart, and by which topology."""
    rules = spec["template"]["pod"]["affinity"]["podAntiAffinity"]
    [term] = rules["requiredDuringSchedulingIgnoredDuringExecution"]
    [(label, pool)] = term["labelSelector"]["matchLabels"].items()
    assert label == "strimzi.io/pool-name"
    return pool, term["topologyKey"]


def test_no_two_members_of_a_pool_are_in_one_zone() -> None:
    """Strimzi labels pods with the name of their pool, without that of the cluster."""
    kept_apart = {name: pool_kept_apart(spec) for name, spec in POOLS.items()}
    assert kept_apart == {name: (name, "topology.kubernetes.io/zone") for name in ("controllers", "brokers")}


def test_a_broker_ends_connections_at_the_age_that_the_renewal_of_certificates_relies_on() -> None:
    [kafka] = [each["spec"]["kafka"] for each in OBJECTS if each["kind"] == "Kafka"]
    [(setting, age_ms)] = re.findall(r"`(connections\.[a-z.]+)=(\d+)`", PAGE.read_text("utf-8"))
    assert kafka["config"][setting] == int(age_ms) == 3_600_000
