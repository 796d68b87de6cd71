-- The three roles of the ETL and its database, made once by an administrator, before the first migration.
-- Run it with psql, connected to the database postgres, with the passwords in the psql variables owner_password,
-- writer_password and reader_password.

CREATE ROLE web_traffic_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE web_traffic_writer LOGIN PASSWORD :'writer_password';
CREATE ROLE web_traffic_reader LOGIN PASSWORD :'reader_password';
CREATE DATABASE web_traffic OWNER web_traffic_owner ENCODING 'UTF8' TEMPLATE template0;
