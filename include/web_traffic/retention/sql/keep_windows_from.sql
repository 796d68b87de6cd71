-- Note from when on windows are kept: from the cutoff, but no window that is not sealed is given up. It never goes back.
-- The row lock makes restatements that commit later see it. No row while no window is sealed.
UPDATE etl.pipeline
SET
    windows_kept_from = greatest(
        windows_kept_from, least(%(cutoff)s, date_bin(%(window_length)s, sealed_until, '1970-01-01 00:00Z'))
    )
WHERE name = 'web_traffic' AND sealed_until > '-infinity'
RETURNING windows_kept_from;
