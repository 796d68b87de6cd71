-- Note a checkpoint's fingerprint at its first run.
INSERT INTO etl.checkpoint (query_id, fingerprint) VALUES (%(query_id)s, %(fingerprint)s) ON CONFLICT DO NOTHING;
