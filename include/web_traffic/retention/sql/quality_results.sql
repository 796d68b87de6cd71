-- Delete old results of quality rules; those of the newest check stay, because the next one goes on from there.
DELETE FROM etl.quality_result
WHERE result_id IN (
    SELECT q.result_id FROM etl.quality_result AS q
    WHERE q.checked_at < least(%(cutoff)s, (SELECT max(n.checked_at) FROM etl.quality_result AS n WHERE n.table_name = 'aggregated_web_traffic')) -- noqa: RF02
    ORDER BY q.checked_at
    LIMIT %(at_once)s
);
