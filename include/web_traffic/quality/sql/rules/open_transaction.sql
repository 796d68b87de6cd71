-- Records that nobody can read yet, because a producer holds a transaction open. The timestamp of the first one says
-- since when. A moment is no offence. A transaction of unknown age is one.
WITH waiting AS (
    SELECT
        w.partition,
        (w.found ->> 'records')::bigint AS records,
        (w.found ->> 'since')::timestamptz AS since,
        scope.rule_limit
    FROM scope
    CROSS JOIN LATERAL jsonb_each(scope.observed -> 'waiting') AS w (partition, found)
),

total AS (
    SELECT
        coalesce(sum(records), 0) AS observed,
        string_agg(partition, ', ' ORDER BY partition::integer) AS partitions,
        min(since) AS since,
        coalesce(bool_or(since IS NULL OR abs(extract(EPOCH FROM now() - since)) > rule_limit), FALSE) AS is_offender
    FROM waiting
)

SELECT
    total.observed,
    total.partitions,
    total.since,
    extract(EPOCH FROM now() - total.since)::bigint AS seconds,
    total.is_offender
FROM total
CROSS JOIN scope
WHERE scope.observed -> 'waiting' IS NOT NULL;
