-- Take the digest of a week; no row if it was sent.
INSERT INTO etl.digest (week_end) VALUES (%(week_end)s) ON CONFLICT (week_end) DO NOTHING RETURNING week_end;
