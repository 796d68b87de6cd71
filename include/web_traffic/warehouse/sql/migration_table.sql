-- Make the table of applied migrations. Safe to run again; the migration runner holds its advisory lock.
CREATE SCHEMA IF NOT EXISTS etl;
COMMENT ON SCHEMA etl IS 'Books of the web-traffic ETL: what was read, written and refused, by batch and by run';
CREATE TABLE IF NOT EXISTS etl.migration (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE etl.migration IS 'Migrations that this database has, in the order of their names';
COMMENT ON COLUMN etl.migration.name IS 'File name of the migration, without its ending';
COMMENT ON COLUMN etl.migration.sha256 IS 'Digest of the file as it was applied';
COMMENT ON COLUMN etl.migration.applied_at IS 'When it was applied';
