-- The time up to which windows are sealed, in microseconds since the epoch; NULL before the first window is closed.
SELECT (extract(EPOCH FROM nullif(p.sealed_until, '-infinity')) * 1000000)::bigint AS sealed_until_us
FROM etl.pipeline AS p
WHERE p.name = 'web_traffic';
