# The image of the Airflow services in docker-compose.yaml: Airflow, a Java, the Spark application and its jars.
# "slim" is Airflow without the providers that this project does not use.
FROM apache/airflow:slim-3.3.2-python3.11

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
COPY --chown=airflow:root requirements.txt constraints.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt --constraint constraints.txt
COPY --chown=airflow:root . .
RUN pip install --no-cache-dir --no-deps --editable .

# As `make setup` does it: download the jars, then run the application once for the archive of its classes, on a Kafka
# and a PostgreSQL that live no longer than this step. Nothing is downloaded when a container runs.
RUN python -c "from local_stack.jars import bring_jars; bring_jars('kafka', 'spark')" \
    && python -c "from local_stack.spark import prepare_spark; prepare_spark()" \
    && rm -rf var/jars/kafka

# The conditions of docker-compose.yaml wait for the database; the entrypoint need not.
ENV TZ=UTC CONNECTION_CHECK_MAX_COUNT=0
WORKDIR /opt/airflow
