-- Seconds that closed windows were behind the clock, the largest of each bucket: they are the furthest behind when a run
-- is about to end, or at the end of a bucket without one. `at` is in seconds since 1970.
WITH runs AS NOT MATERIALIZED (
    SELECT started_at, ended_at, sealed_until FROM etl.run
    WHERE kind = 'live' AND status = 'succeeded' AND sealed_until > '-infinity'
),

marks AS (
    SELECT ended_at AS at, sealed_until FROM runs
    WHERE started_at >= %(range_start)s AND ended_at < %(range_end)s
    UNION ALL
    (
        SELECT cast(%(range_start)s AS timestamptz) AS at, sealed_until FROM runs
        WHERE started_at < %(range_start)s
        ORDER BY started_at DESC
        LIMIT 1
    )
    UNION ALL
    SELECT least(start + %(bucket)s, now()) AS at, NULL AS sealed_until
    FROM generate_series(%(range_start)s, least(%(range_end)s, now()) - interval '1 microsecond', %(bucket)s) AS start
),

known AS (
    SELECT
        at AS until,
        max(sealed_until) OVER (ORDER BY at, sealed_until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS sealed_until
    FROM marks
)

SELECT
    extract(EPOCH FROM date_bin(%(bucket)s, until - interval '1 microsecond', '1970-01-01 00:00Z'))::bigint AS at,
    max(extract(EPOCH FROM until - sealed_until))::double precision AS seconds
FROM known
WHERE sealed_until IS NOT NULL AND until > %(range_start)s
GROUP BY at
ORDER BY at;
