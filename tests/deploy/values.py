"""Values the chart is rendered with: what sites of different kinds would write."""

from __future__ import annotations

from typing import Any

PEER = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "stores"}}}

MATRIX: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "a small site": {
        "replicas": 1,
        "image": {"repository": "registry.example/authsvc", "tag": "1.0"},
        "settings": {"AUTHSVC_REGION_ID": 2, "AUTHSVC_CACHE_SIZE": 2_000_000, "AUTHSVC_FRESH_FOR": 0.5},
        "secret": {"existingSecret": "region-2", "databaseKeys": "database-keys"},
        "podDisruptionBudget": {"enabled": False},
        "networkPolicy": {"enabled": False},
    },
    "CloudStack's own files and a Redis": {
        "secret": {"cloudstackProperties": "db.properties", "cloudstackKey": "key"},
        "redis": {"url": "redis+sentinel://a.redis:26379,b.redis:26379/region-1"},
        "settings": {"AUTHSVC_SIGNING_REGIONS": "region-1 region-1-dr", "AUTHSVC_RESTRICTED_KEYS": True},
    },
    "a Redis behind a password, TLS from cert-manager": {
        "redis": {"existingSecret": "redis", "urlKey": "url", "cacheKeys": "seals"},
        "database": {"tlsSecret": "region-ca"},
        "tls": {
            "enabled": True,
            "clientCertificates": True,
            "certManager": {
                "issuerRef": {"name": "region", "kind": "ClusterIssuer", "group": "cert-manager.io"},
                "dnsNames": ["auth.region-1.example"],
            },
        },
    },
    "TLS by a secret, watched and scaled": {
        "image": {"digest": "sha256:" + "a" * 64},
        "tls": {"enabled": True, "existingSecret": "auth-tls"},
        "autoscaling": {"enabled": True, "maxReplicas": 40},
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True},
            "dashboards": {"enabled": True},
        },
        "networkPolicy": {
            "callers": [PEER],
            "monitoring": [PEER],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/24"}}], "ports": [3306]}, {"ports": [6379]}],
        },
        "extAuthz": {"enabled": True, "port": 9191},
        "service": {"type": "LoadBalancer", "port": 443, "annotations": {"example/internal": "true"}},
    },
    "a directory of its own": {
        "migration": {"enabled": True, "existingSecret": "owner", "databaseUrl": "url"},
        "database": {"tlsSecret": "region-ca"},
        "secret": {"values": {"AUTHSVC_TOKEN_KEYS": "token-keys", "AUTHSVC_AUDIT_KEY": "audit-key"}},
        "audit": {
            "path": "/var/log/authsvc/audit.log",
            "strict": True,
            "volume": {"persistentVolumeClaim": {"claimName": "audit"}},
        },
        "imagePullSecrets": [{"name": "registry"}],
        "serviceAccount": {"annotations": {"example/role": "none"}},
    },
    "placed with care": {
        "podLabels": {"team": "identity", "app.kubernetes.io/component": "mine"},
        "podAnnotations": {"example/note": "x"},
        "priorityClassName": "critical",
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]}}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule",
             "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "authsvc"}}}],
        "drain": {"preStop": 30, "seconds": 2.5},
        "audit": {"path": "/dev/stdout"},
        "fullnameOverride": "auth",
    },
}  # fmt: skip

TLS = {"enabled": True, "existingSecret": "t"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a value there is not": ({"replicaCount": 3}, "replicaCount"),
    "one below there is not": ({"image": {"name": "x"}}, "name"),
    "no pods": ({"replicas": 0}, "replicas"),
    "a word for a number": ({"replicas": "three"}, "replicas"),
    "latest": ({"image": {"tag": "latest"}}, "tag"),
    "a digest that is none": ({"image": {"digest": "abc"}}, "digest"),
    "a setting there is not": ({"settings": {"AUTHSVC_FRESH": 1}}, "AUTHSVC_FRESH"),
    "a setting by another name": ({"settings": {"fresh_for": 1}}, "fresh_for"),
    "a setting the chart gives": ({"settings": {"AUTHSVC_PORT": 1}}, "AUTHSVC_PORT"),
    "a secret among the settings": (
        {"settings": {"AUTHSVC_DATABASE_URL": "mysql://…"}},
        "AUTHSVC_DATABASE_URL",
    ),
    "another secret among the settings": ({"settings": {"AUTHSVC_TOKEN_KEYS": "k"}}, "AUTHSVC_TOKEN_KEYS"),
    "a plain setting among the secrets": ({"secret": {"values": {"AUTHSVC_DRAIN": "d"}}}, "AUTHSVC_DRAIN"),
    "a list as a setting": ({"settings": {"AUTHSVC_SCHEMES": ["sigv4"]}}, "AUTHSVC_SCHEMES"),
    "no secret": ({"secret": {"existingSecret": ""}}, "existingSecret"),
    "no address": ({"secret": {"databaseUrl": ""}}, "databaseUrl"),
    "a password in the open": ({"redis": {"url": "redis://:pass@redis:6379"}}, "url"),
    "two Redises": ({"redis": {"url": "redis://r:6379", "existingSecret": "r"}}, "give one of them"),
    "Redis without seals": ({"redis": {"url": "redis://r:6379", "cacheKeys": ""}}, "cacheKeys"),
    "TLS from nowhere": ({"tls": {"enabled": True}}, "issuerRef"),
    "client certificates without TLS": ({"tls": {"clientCertificates": True}}, "needs tls.enabled"),
    "keys twice": ({"secret": {"databaseKeys": "a", "cloudstackProperties": "b"}}, "give one of them"),
    "a key for nothing": ({"secret": {"cloudstackKey": "k"}}, "needs secret.cloudstackProperties"),
    "an audit nowhere": ({"audit": {"strict": True}}, "needs audit.path"),
    "an audit on a read-only root": ({"audit": {"path": "/var/log/authsvc/a.log"}}, "needs audit.volume"),
    "an audit among the secrets": ({"secret": {"paths": {"AUTHSVC_AUDIT": "audit"}}}, "AUTHSVC_AUDIT"),
    "an audit on the host": (
        {"audit": {"path": "/var/log/authsvc/a.log", "volume": {"hostPath": {"path": "/"}}}},
        "hostPath",
    ),
    "too short a pause": ({"drain": {"preStop": 5}}, "preStop"),
    "no limits": ({"resources": {"limits": None}}, "limits"),
    "no memory limit": ({"resources": {"limits": {"memory": None}}}, "memory"),
    "an evacuation": ({"podDisruptionBudget": {"maxUnavailable": "100%"}}, "maxUnavailable"),
    "a port there is not": ({"service": {"port": 70000}}, "port"),
    "a type of Service there is not": ({"service": {"type": "ExternalName"}}, "type"),
    "more at least than at most": (
        {"autoscaling": {"enabled": True, "minReplicas": 9, "maxReplicas": 3}},
        "more than",
    ),
    "a name that is none": ({"fullnameOverride": "Auth_1"}, "fullnameOverride"),
    "an open door by mistake": ({"networkPolicy": {"egress": [{"to": []}]}}, "ports"),
}
