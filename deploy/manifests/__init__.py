"""Makes the Kubernetes manifests in `deploy/k8s` from the project's declarations."""
