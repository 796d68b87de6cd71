-- Let restatements change rows that are published, and let the owner make the page's sums anew.

-- The key index goes through an expression, which no replica identity can use. The old row is written to PostgreSQL's log
-- only where wal_level is logical.
ALTER TABLE public.aggregated_web_traffic REPLICA IDENTITY FULL;

CREATE FUNCTION etl.rebuild_sums() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE public.aggregated_web_traffic IN SHARE ROW EXCLUSIVE MODE;
    TRUNCATE etl.hits_by_host, etl.hits_by_site;
    INSERT INTO etl.hits_by_host (window_start, host, num_hits)
    SELECT window_start, host, sum(num_hits) AS num_hits FROM public.aggregated_web_traffic GROUP BY window_start, host ORDER BY window_start;
    INSERT INTO etl.hits_by_site (window_start, site, num_hits)
    SELECT window_start, etl.referring_site(referrer) AS site, sum(num_hits) AS num_hits FROM public.aggregated_web_traffic
    GROUP BY window_start, site ORDER BY window_start;
END
$$;
COMMENT ON FUNCTION etl.rebuild_sums() IS 'Makes etl.hits_by_host and etl.hits_by_site anew from the result table; runs that write wait meanwhile';
REVOKE EXECUTE ON FUNCTION etl.rebuild_sums() FROM public;
