"""The chart without a cluster: rendered by a real Helm, held to Kubernetes' own schemas and to our policies."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from authsvc import __version__
from authsvc.settings import read_settings
from tests.deploy.chart import CHART, Refused, lint, notes, of_kind, only, pods, render
from tests.deploy.values import BAD, MATRIX

ROOT = Path(__file__).parents[2]
KUBERNETES = ("1.28", "1.33", "1.37")
CUSTOM = {"Certificate", "PrometheusRule", "ServiceMonitor"}  # their schemas are not Kubernetes' own

RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
FORBIDDEN = {"hostNetwork", "hostPID", "hostIPC", "hostAliases"}
VOLUMES = {"secret", "projected", "emptyDir", "persistentVolumeClaim"}


@pytest.fixture(params=sorted(MATRIX))
def documents(request):
    return render(MATRIX[request.param])


def test_what_is_generated_is_current():
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "chart", "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_chart_installs_the_version_it_came_with():
    assert yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"] == __version__


def test_the_linter_finds_nothing():
    assert lint() == []


@pytest.mark.parametrize(("site", "kubernetes"), list(itertools.product(sorted(MATRIX), KUBERNETES)))
def test_every_document_is_what_kubernetes_takes(site, kubernetes):
    for document in render(MATRIX[site], kubernetes=kubernetes):
        if document["kind"] not in CUSTOM:
            kubernetes_validate.validate(document, kubernetes, strict=True)


def test_such_a_fault_would_be_seen():
    budget = only(render(), "PodDisruptionBudget")
    budget["spec"]["maxUnavailabel"] = budget["spec"].pop("maxUnavailable")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(budget, "1.37", strict=True)


@pytest.mark.parametrize("what", sorted(BAD))
def test_bad_values_are_refused_by_name(what):
    values, about = BAD[what]
    with pytest.raises(Refused, match=re.escape(about)):
        render(values)


def test_every_pod_is_restricted(documents):
    for spec in pods(documents).values():
        assert RESTRICTED_POD.items() <= spec["securityContext"].items()
        assert spec["securityContext"]["runAsUser"] == 10001
        assert not FORBIDDEN & spec.keys()
        for container in spec["containers"] + spec.get("initContainers", []):
            assert container["securityContext"] == RESTRICTED_CONTAINER
        for volume in spec.get("volumes", []):
            assert volume.keys() - {"name"} <= VOLUMES


def test_no_token_is_mounted_anywhere(documents):
    assert only(documents, "ServiceAccount")["automountServiceAccountToken"] is False
    assert [spec["automountServiceAccountToken"] for spec in pods(documents).values()] == [False] * len(
        pods(documents)
    )


def test_every_container_has_requests_and_limits(documents):
    for spec in pods(documents).values():
        for container in spec["containers"]:
            for kind in ("requests", "limits"):
                assert container["resources"][kind].keys() == {"cpu", "memory"}


def test_every_image_is_named_by_a_tag_or_a_digest_that_does_not_move(documents):
    for spec in pods(documents).values():
        for container in spec["containers"]:
            assert re.fullmatch(r"[^:@]+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})", container["image"])


def test_no_secret_is_in_an_environment_or_made_by_the_chart(documents):
    assert not of_kind(documents, "Secret")
    for spec in pods(documents).values():
        for container in spec["containers"]:
            for variable in container.get("env", []):
                assert "valueFrom" not in variable
            for source in container.get("envFrom", []):
                assert source.keys() == {"configMapRef"}
    for name, value in only_settings(documents).items():
        assert "://" not in value or "@" not in value, name
        assert name not in {"AUTHSVC_DATABASE_URL", "AUTHSVC_DATABASE_KEYS", "AUTHSVC_CACHE_KEYS"}


def test_selectors_find_the_pods_and_nothing_but_the_pods(documents):
    deployment = only(documents, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"]["matchLabels"]]
    selectors += [service["spec"]["selector"] for service in of_kind(documents, "Service")]
    selectors += [
        each["spec"]["selector"]["matchLabels"] for each in of_kind(documents, "PodDisruptionBudget")
    ]
    selectors += [each["spec"]["podSelector"]["matchLabels"] for each in of_kind(documents, "NetworkPolicy")]
    others = [pod["metadata"]["labels"] for pod in of_kind(documents, "Pod")]
    others += [job["spec"]["template"]["metadata"]["labels"] for job in of_kind(documents, "Job")]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not any(selector.items() <= other.items() for other in others)
    for monitor in of_kind(documents, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        found = [
            each for each in of_kind(documents, "Service") if wanted <= each["metadata"]["labels"].items()
        ]
        assert [port["name"] for each in found for port in each["spec"]["ports"]] == ["ops"]


def test_ports_lead_to_ports(documents):
    container = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    names = {port["name"]: port["containerPort"] for port in container["ports"]}
    settings = only_settings(documents)
    listened = {"faces": "AUTHSVC_PORT", "ops": "AUTHSVC_OPS_PORT", "ext-authz": "AUTHSVC_EXT_AUTHZ_PORT"}
    assert names == {name: int(settings[each]) for name, each in listened.items() if each in settings}
    for service in of_kind(documents, "Service"):
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names.keys()


def test_liveness_asks_nobody_else_and_readiness_is_something_else(documents):
    container = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness", "startup")}
    assert asked["liveness"] == asked["startup"] == {"path": "/livez", "port": "ops"}
    assert asked["readiness"] == {"path": "/readyz", "port": "ops"}


def test_a_pod_that_ends_has_the_time_it_takes(documents):
    spec = only(documents, "Deployment")["spec"]["template"]["spec"]
    (sleep, pause) = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    readiness = spec["containers"][0]["readinessProbe"]
    drain = float(only_settings(documents)["AUTHSVC_DRAIN"])
    assert sleep == "sleep"
    assert int(pause) >= max(10, 2 * readiness["periodSeconds"] * readiness["failureThreshold"])
    assert (
        spec["terminationGracePeriodSeconds"] >= int(pause) + drain + 10
    )  # in which requests in flight finish


def test_no_rollout_or_eviction_takes_more_than_one(documents):
    rolling = only(documents, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxUnavailable": 0, "maxSurge": 1}
    for budget in of_kind(documents, "PodDisruptionBudget"):
        assert budget["spec"]["maxUnavailable"] == 1


def test_what_is_mounted_is_there_and_what_is_there_is_mounted(documents):
    for spec in pods(documents).values():
        for container in spec["containers"]:
            mounts = container.get("volumeMounts", [])
            assert sorted(each["name"] for each in mounts) == sorted(
                each["name"] for each in spec.get("volumes", [])
            )
            assert all(each.get("readOnly") or each["name"] in {"audit", "tmp"} for each in mounts)


def only_settings(documents):
    """Return the environment of the service."""
    (config,) = [each for each in of_kind(documents, "ConfigMap") if "AUTHSVC_HOST" in each["data"]]
    return config["data"]


def test_the_service_takes_its_settings_and_finds_its_files(documents, tmp_path):
    """The real reader of settings, on files where the volumes would put them."""
    spec = only(documents, "Deployment")["spec"]["template"]["spec"]
    for volume in spec["volumes"]:
        folder = tmp_path / volume["name"]
        folder.mkdir()
        for source in volume.get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                (folder / item["path"]).write_text(CONTENT.get(item["path"], "x"), encoding="utf-8")
        if volume["name"] == "tls":
            for name in ("tls.crt", "tls.key", "ca.crt"):
                (folder / name).touch()
    places = {mount["mountPath"]: mount["name"] for mount in spec["containers"][0]["volumeMounts"]}

    def placed(value):
        head, _, name = value.rpartition("/")
        return str(tmp_path / places[head] / name) if head in places else value

    settings = read_settings({name: placed(value) for name, value in only_settings(documents).items()})
    assert settings.database_url.reveal() == CONTENT["database-url"]
    assert settings.callers is not None
    assert settings.host == "0.0.0.0"


CONTENT = {
    "database-url": "mysql://a:b@c/cloud",
    "cache-keys": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
    "redis-url": "redis://:p@r:6379",
    "AUTHSVC_AUDIT_KEY": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
    "AUTHSVC_TOKEN_KEYS": "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=",
}


def test_an_audit_has_a_place_that_can_be_written():
    documents = render(MATRIX["a directory of its own"])
    container = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    told = only_settings(documents)
    assert str(Path(told["AUTHSVC_AUDIT"]).parent) in writable
    assert told["AUTHSVC_AUDIT_STRICT"] == "true"
    assert only_settings(render(MATRIX["placed with care"]))["AUTHSVC_AUDIT"] == "/dev/stdout"
    assert "AUTHSVC_AUDIT" not in only_settings(render({}))


def test_numbers_arrive_as_they_were_written():
    settings = only_settings(render(MATRIX["a small site"]))
    assert settings["AUTHSVC_CACHE_SIZE"] == "2000000"
    assert settings["AUTHSVC_FRESH_FOR"] == "0.5"
    assert (
        only_settings(render(MATRIX["CloudStack's own files and a Redis"]))["AUTHSVC_RESTRICTED_KEYS"]
        == "true"
    )


def test_the_autoscaler_alone_decides_how_many():
    documents = render({"autoscaling": {"enabled": True}})
    scaler, deployment = only(documents, "HorizontalPodAutoscaler"), only(documents, "Deployment")
    assert "replicas" not in deployment["spec"]
    target = {key: scaler["spec"]["scaleTargetRef"][key] for key in ("apiVersion", "kind")}
    assert target == {key: deployment[key] for key in ("apiVersion", "kind")}
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert scaler["spec"]["minReplicas"] >= 2


def test_pods_spread_over_hosts_and_zones_unless_told_otherwise():
    deployment = only(render(), "Deployment")["spec"]
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert all(each["labelSelector"] == deployment["selector"] for each in spread)
    told = MATRIX["placed with care"]
    placed = only(render(told), "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert placed == told["topologySpreadConstraints"]


CUSTOM_FIELDS = {
    "ServiceMonitor": ("monitoring.coreos.com/v1", {"selector", "endpoints"}),
    "PrometheusRule": ("monitoring.coreos.com/v1", {"groups"}),
    "Certificate": (
        "cert-manager.io/v1",
        {"secretName", "duration", "renewBefore", "privateKey", "usages", "dnsNames", "issuerRef"},
    ),
}
"""What the operators that own these kinds take, as far as we use it; kubernetes-validate knows only Kubernetes' own."""


def test_what_other_operators_own_is_of_the_version_and_the_fields_they_know():
    found = [each for site in MATRIX.values() for each in render(site) if each["kind"] in CUSTOM]
    assert {each["kind"] for each in found} == CUSTOM == CUSTOM_FIELDS.keys()
    for each in found:
        version, fields = CUSTOM_FIELDS[each["kind"]]
        assert (each["apiVersion"], each["spec"].keys()) == (version, fields)
    (rule, *_) = [each for each in found if each["kind"] == "PrometheusRule"]
    for group in rule["spec"]["groups"]:
        assert group.keys() <= {"name", "interval", "rules"}
        for each in group["rules"]:
            assert each.keys() <= {
                "alert",
                "record",
                "expr",
                "for",
                "keep_firing_for",
                "labels",
                "annotations",
            }


def test_a_change_of_settings_restarts_the_pods():
    marks = {
        only(render({"settings": {"AUTHSVC_MAX_STALE": seconds}}), "Deployment")["spec"]["template"][
            "metadata"
        ]["annotations"]["checksum/settings"]
        for seconds in (10, 20)
    }
    assert len(marks) == 2


def test_the_migration_runs_before_anything_else_and_on_its_own_database_alone():
    job = only(render(MATRIX["a directory of its own"]), "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert container["args"] == ["migrate"]  # which refuses CloudStack's, see tests/clients/test_commands.py
    assert container["env"] == [
        {"name": "AUTHSVC_DATABASE_URL_FILE", "value": "/etc/authsvc/secret/database-url"}
    ]
    volume = job["spec"]["template"]["spec"]["volumes"][0]["secret"]
    assert (volume["secretName"], volume["items"]) == ("owner", [{"key": "url", "path": "database-url"}])
    assert not of_kind(render(), "Job")


def test_the_certificate_names_what_callers_call():
    documents = render(MATRIX["a Redis behind a password, TLS from cert-manager"])
    certificate = only(documents, "Certificate")
    assert {"region-1-authsvc.auth.svc", "auth.region-1.example"} <= set(certificate["spec"]["dnsNames"])
    volumes = only(documents, "Deployment")["spec"]["template"]["spec"]["volumes"]
    (tls,) = [volume for volume in volumes if volume["name"] == "tls"]
    assert tls["secret"]["secretName"] == certificate["spec"]["secretName"]
    assert not of_kind(render(MATRIX["TLS by a secret, watched and scaled"]), "Certificate")


def test_the_network_lets_in_whom_it_should():
    policy = only(render(MATRIX["TLS by a secret, watched and scaled"]), "NetworkPolicy")["spec"]
    faces, ops = policy["ingress"]
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "stores"}}}
    assert faces["from"] == [peer]
    assert [port["port"] for port in faces["ports"]] == ["faces", "ext-authz"]
    assert (ops["from"], ops["ports"][0]["port"]) == ([{"podSelector": {}}, peer], "ops")
    assert {
        "ports": [{"port": 3306, "protocol": "TCP"}],
        "to": [{"ipBlock": {"cidr": "10.1.0.0/24"}}],
    } in policy["egress"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]


def test_the_test_pod_asks_the_ops_service():
    documents = render(MATRIX["placed with care"])
    pod = only(documents, "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["containers"][0]["args"] == ["health", "--ready", "--url", "http://auth-ops:8181"]
    assert "auth-ops" in {service["metadata"]["name"] for service in of_kind(documents, "Service")}


def test_what_is_off_is_not_there():
    kinds = {document["kind"] for document in render()}
    assert not kinds & {"HorizontalPodAutoscaler", "Certificate", "Job", *CUSTOM}


def test_dashboards_and_rules_are_the_files_beside_the_chart():
    documents = render(MATRIX["TLS by a secret, watched and scaled"])
    (dashboards,) = [
        each for each in of_kind(documents, "ConfigMap") if "dashboards" in each["metadata"]["name"]
    ]
    shown = {path.name: path.read_text(encoding="utf-8").strip() for path in CHART.glob("dashboards/*.json")}
    assert {name: text.strip() for name, text in dashboards["data"].items()} == shown
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CHART.glob("alerts/*.yaml"))]
    groups = only(documents, "PrometheusRule")["spec"]["groups"]
    assert groups == [group for file in files for group in file["groups"]]


def test_the_notes_say_what_to_do_next_and_never_to_fail_open():
    said = notes({})
    assert "failure_mode_allow false" in said
    assert "helm test region-1" in said
    assert "No Redis is given" in said
    assert "No Redis is given" not in notes({"redis": {"url": "redis://r:6379"}})
    assert "failure_mode_allow true" not in "".join(
        path.read_text() for path in CHART.rglob("*") if path.is_file()
    )
