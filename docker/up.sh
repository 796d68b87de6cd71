#!/bin/sh
# Makes .env if there is none, builds the image, starts the stack, waits until it is healthy, and unpauses the DAG.
set -eu
cd "$(dirname "$0")/.."
sh docker/env.sh
docker compose up --detach --build --wait
docker compose exec --no-TTY airflow-scheduler airflow dags unpause web_traffic
port=$(sed -n 's/^AIRFLOW_PORT=//p' .env)
echo "Airflow is up on http://127.0.0.1:$port: login admin, password AIRFLOW_ADMIN_PASSWORD in .env"
