-- How large the values of rejected events are, so that a run need not measure them. The retention DAG measures them anew.
CREATE TABLE etl.rejected_size (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    bytes numeric NOT NULL
);
COMMENT ON TABLE etl.rejected_size IS 'How large the kept values of rejected events are';
COMMENT ON COLUMN etl.rejected_size.only_row IS 'There is one row';
COMMENT ON COLUMN etl.rejected_size.bytes IS 'Sum of their lengths, as they came';
INSERT INTO etl.rejected_size (bytes) SELECT coalesce(sum(octet_length(value)), 0) FROM etl.rejected_event;

COMMENT ON COLUMN etl.rejected_event.value IS 'The record''s bytes as they came; NULL if it had none, or if REJECTED_LIMIT was reached';

GRANT SELECT ON etl.rejected_size TO web_traffic_writer, web_traffic_reader;
GRANT UPDATE ON etl.rejected_size TO web_traffic_writer;
