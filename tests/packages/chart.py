#!/usr/bin/env python3
"""Checks rendered manifests of the chart, from standard input: against Kubernetes' own schemas, and what those cannot see.

Usage: helm template … | chart.py        one line a mistake; status 1 when there is one
"""
import json
import subprocess
import sys

import kubernetes_validate
import yaml

VERSION = "1.33"
OURS = "monitoring.coreos.com/v1", "keda.sh/v1alpha1"  # have no schema in Kubernetes


def pod_of(document):
    spec = document.get("spec", {})
    return spec.get("template", {}).get("spec") if document["kind"] in ("Deployment", "Job") else None


def mistakes_of_pod(pod):
    """The restricted Pod Security Standard, and what verifyd promises besides."""
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "pod may run as root, or without seccomp"
    if pod.get("automountServiceAccountToken") is not False:
        yield "pod gets a token of the API server that it does not need"
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or own.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"{container['name']} may get privileges"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{container['name']} may write to its root"
        if "memory" not in container["resources"].get("requests", {}):
            yield f"{container['name']} requests no memory"
        env = [each["name"] for each in container["env"]]
        if len(env) != len(set(env)):
            yield f"{container['name']} has a variable twice: {sorted(name for name in set(env) if env.count(name) > 1)}"
        if any(not isinstance(each["value"], str) for each in container["env"]):
            yield f"{container['name']} has a variable that is no text"
        drain = next((int(each["value"]) for each in container["env"] if each["name"] == "VERIFYD_DRAIN_MS"), None)
        if drain is not None and pod["terminationGracePeriodSeconds"] * 1000 < drain + 10000:
            yield f"{container['name']} is killed before it has drained"


def queries_of(document):
    """What the document asks Prometheus, as a file of rules."""
    if document["kind"] == "PrometheusRule":
        return document["spec"]
    if document["kind"] == "ScaledObject":
        asked = [trigger["metadata"]["query"] for trigger in document["spec"]["triggers"]]
        return {"groups": [{"name": "keda", "rules": [{"record": f"keda:{n}", "expr": query} for n, query in enumerate(asked)]}]}
    return None


def mistakes_of_queries(spec):
    """promtool's, and alerts that say neither how bad it is nor what to do."""
    done = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], input=yaml.safe_dump(spec), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        yield done.stdout + done.stderr
    for rule in (rule for group in spec["groups"] for rule in group["rules"] if "alert" in rule):
        if not rule["labels"].get("severity") or "#" not in rule["annotations"].get("runbook_url", ""):
            yield f"{rule['alert']} lacks a severity or its section of the runbook"


def mistakes_of_dashboards(document):
    for name, text in document.get("data", {}).items():
        if name.endswith(".json") and not json.loads(text).get("panels"):
            yield f"{name} has no panels"


def main():
    documents = [document for document in yaml.safe_load_all(sys.stdin) if document]
    found = []
    for document in documents:
        what = f"{document['kind']} {document['metadata']['name']}"
        if document["apiVersion"] not in OURS:
            try:
                kubernetes_validate.validate(document, VERSION, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{what}: {'.'.join(map(str, error.path))}: {error.message}")
        found += [f"{what}: {mistake}" for mistake in (mistakes_of_pod(pod_of(document)) if pod_of(document) else ())]
        found += [f"{what}: {mistake}" for mistake in (mistakes_of_queries(queries_of(document)) if queries_of(document) else ())]
        found += [f"{what}: {mistake}" for mistake in (mistakes_of_dashboards(document) if document["kind"] == "ConfigMap" else ())]
    kinds = [document["kind"] for document in documents]
    if kinds.count("Deployment") < 2 or kinds.count("PodDisruptionBudget") != kinds.count("Deployment"):
        found.append("not a Deployment and a PodDisruptionBudget for each part")
    print("\n".join(found) or f"{len(documents)} documents")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
