-- Windows with records in the topic, by their Kafka timestamps, but no row in the table. A few records at the edge of
-- a window can belong to its neighbours, so only windows with at least the limit count.
SELECT
    seen.window_start::timestamptz AS window_start,
    seen.records::bigint AS records,
    NOT EXISTS (
        SELECT 1 FROM public.aggregated_web_traffic AS w WHERE w.window_start = seen.window_start::timestamptz
    ) AS is_offender
FROM scope
CROSS JOIN LATERAL jsonb_each_text(scope.observed -> 'records_by_window') AS seen (window_start, records)
WHERE seen.records::bigint >= scope.rule_limit;
