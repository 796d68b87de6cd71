-- The three roles of the ETL and its database, made once by an administrator, before the first migration.
-- Run it with psql 15 or newer, connected to the database postgres as a superuser. It takes the passwords from the
-- environment variables POSTGRES_OWNER_PASSWORD, POSTGRES_WRITER_PASSWORD and POSTGRES_READER_PASSWORD.

\set ON_ERROR_STOP on
\getenv owner_password POSTGRES_OWNER_PASSWORD
\getenv writer_password POSTGRES_WRITER_PASSWORD
\getenv reader_password POSTGRES_READER_PASSWORD

-- Otherwise the server's log would show the password of a statement that fails.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SET password_encryption = 'scram-sha-256';

CREATE ROLE web_traffic_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE web_traffic_writer LOGIN PASSWORD :'writer_password';
CREATE ROLE web_traffic_reader LOGIN PASSWORD :'reader_password';
CREATE DATABASE web_traffic OWNER web_traffic_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE web_traffic FROM PUBLIC;
GRANT CONNECT ON DATABASE web_traffic TO web_traffic_writer;
GRANT CONNECT ON DATABASE web_traffic TO web_traffic_reader;
