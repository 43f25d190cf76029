//go:build tools

// Package tools pins the programs that check the manifests: go.mod and go.sum hold their versions and hashes.
package tools

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "sigs.k8s.io/kustomize/kustomize/v5"
)
