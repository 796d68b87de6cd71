-- The role and the database of Airflow's metadata. The PostgreSQL container runs it with psql, once, when its volume is
-- new; the password comes from the environment variable AIRFLOW_DB_PASSWORD.

\set ON_ERROR_STOP on
\getenv airflow_password AIRFLOW_DB_PASSWORD

-- Otherwise the server's log would show the password of a statement that fails.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SET password_encryption = 'scram-sha-256';

CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
-- A scheduler that was killed may leave workers that keep its transaction open, with a lock that the next one needs.
ALTER ROLE airflow SET idle_in_transaction_session_timeout = '1min';
CREATE DATABASE airflow OWNER airflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE airflow FROM PUBLIC;
