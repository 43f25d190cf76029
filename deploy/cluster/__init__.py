"""Programs, definitions and scripts by which the manifests of `deploy/k8s` are checked and tried."""
