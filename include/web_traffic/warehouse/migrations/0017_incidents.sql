-- Incidents know which windows they are about, and can be silenced; the digest of a week is sent once.

ALTER TABLE etl.alert
ADD COLUMN windows tstzmultirange,
ADD COLUMN silenced_until timestamptz,
ADD COLUMN silenced_by text,
ADD COLUMN silence_reason text,
ADD COLUMN silences integer NOT NULL DEFAULT 0,
ADD CONSTRAINT silence_has_a_reason CHECK (silenced_until IS NULL OR (silenced_by IS NOT NULL AND silence_reason <> ''));
COMMENT ON COLUMN etl.alert.windows IS 'Windows whose restatement failed and did not succeed since; NULL if it is not about windows';
COMMENT ON COLUMN etl.alert.silenced_until IS 'Until then it counts as known; if it is still open then, a message says so. NULL if nobody silenced it, or after that message';
COMMENT ON COLUMN etl.alert.silenced_by IS 'Who silenced it last';
COMMENT ON COLUMN etl.alert.silence_reason IS 'Why it was silenced last';
COMMENT ON COLUMN etl.alert.silences IS 'How often it was silenced';
COMMENT ON COLUMN etl.alert.unsent IS 'Messages that were not sent yet: opened, reminded or recovered, a space, the channel';

-- A restatement's incident has a key of its own now; of those that are open nobody knows the windows any more.
UPDATE etl.alert SET key = key || '/windows'
WHERE resolved_at IS NULL AND key IN ('web_traffic/restate', 'web_traffic_restatement/restate', 'web_traffic_restatement/check_quality');

CREATE TABLE etl.digest (
    week_end date PRIMARY KEY,
    sent_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE etl.digest IS 'Digests of a week that were sent by mail';
COMMENT ON COLUMN etl.digest.week_end IS 'Day after the last day of the week, UTC';
COMMENT ON COLUMN etl.digest.sent_at IS 'When the mail server took it';

GRANT SELECT ON etl.digest TO web_traffic_writer, web_traffic_reader;
GRANT INSERT ON etl.digest TO web_traffic_writer;
