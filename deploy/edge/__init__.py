"""The edge: Envoy before the five APIs and the MLLP listener, and the signer of client certificates beside it."""
