-- The window length of the newest query, sealed_until, the end of the last sealed window by that length, and the start
-- of the next window by the current length. No row before the first window is closed.
SELECT
    cast(c.fingerprint ->> 'window' AS interval) AS length_before,
    p.sealed_until,
    date_bin(cast(c.fingerprint ->> 'window' AS interval), p.sealed_until, cast('epoch' AS timestamptz)) AS ended_at,
    date_bin(%(window_length)s, p.sealed_until, cast('epoch' AS timestamptz)) AS begins_at -- noqa: RF02
FROM etl.batch AS b
INNER JOIN etl.checkpoint AS c ON b.query_id = c.query_id
INNER JOIN etl.pipeline AS p ON p.name = 'web_traffic' AND p.sealed_until > '-infinity'
ORDER BY b.run_id DESC, b.batch_id DESC
LIMIT 1;
