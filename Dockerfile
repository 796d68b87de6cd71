# The image of the Airflow services in docker-compose.yaml: Airflow, a Java, the Spark application and its jars.
# "slim" is Airflow without the providers that this project does not use.
ARG AIRFLOW_IMAGE=apache/airflow:slim-3.3.2-python3.11
FROM ${AIRFLOW_IMAGE}

USER root
# The folders are where named volumes go: a new volume takes over their owner.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=airflow --group=root --mode=0770 \
        /opt/web-traffic /var/lib/web-traffic/alerts /var/lib/web-traffic/checkpoint /var/lib/web-traffic/mail \
    && install --directory --owner=airflow --group=root --mode=0775 /var/lib/web-traffic/tls

USER airflow
WORKDIR /opt/web-traffic
# The package is still empty here: this step installs what it needs.
COPY --chown=airflow:root pyproject.toml constraints.txt LICENSE ./
RUN install --directory include \
    && pip install --no-cache-dir --constraint constraints.txt '.[containers]' \
    && rm -rf build include

# As `make setup` does it: download the jars, then run the application once for the archive of its classes, on a Kafka
# and a PostgreSQL that live no longer than this step. Nothing is downloaded when a container runs.
COPY --chown=airflow:root .env.example ./
COPY --chown=airflow:root include include
COPY --chown=airflow:root local_stack local_stack
COPY --chown=airflow:root simulator simulator
# A checkout may be readable by its owner only; one service runs as Kafka's user, who is in the group.
RUN chmod --recursive g=u . \
    && pip install --no-cache-dir --no-deps --editable . \
    && python -c "from local_stack.jars import bring_jars; bring_jars('kafka', 'spark')" \
    && python -c "from local_stack.spark import prepare_spark; prepare_spark()" \
    && rm -rf var/jars/kafka

# The last step, so that a change of a DAG repeats none of the others.
COPY --chown=airflow:root dags dags
COPY --chown=airflow:root plugins plugins

# The conditions of docker-compose.yaml wait for the database; the entrypoint need not.
ENV TZ=UTC CONNECTION_CHECK_MAX_COUNT=0
WORKDIR /opt/airflow
