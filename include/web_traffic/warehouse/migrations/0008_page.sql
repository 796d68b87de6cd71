-- What the page needs to answer at once: sums of the result table that are kept with it, and indexes.

CREATE FUNCTION etl.referring_site(referrer text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(lower(substring(referrer FROM '^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)')), referrer);
COMMENT ON FUNCTION etl.referring_site(text) IS 'The site of a referrer that is a URL, in lower case; any other referrer, and NULL, as it is';

CREATE TABLE etl.hits_by_host (
    window_start timestamptz NOT NULL,
    host text NOT NULL,
    num_hits bigint NOT NULL
);
COMMENT ON TABLE etl.hits_by_host IS 'Hits per window and host: the sum over its rows, for each change of the result table adds one';
COMMENT ON COLUMN etl.hits_by_host.window_start IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.hits_by_host.host IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.hits_by_host.num_hits IS 'Hits that were added; negative when a restatement has taken some away';

CREATE TABLE etl.hits_by_site (
    window_start timestamptz NOT NULL,
    site text,
    num_hits bigint NOT NULL
);
COMMENT ON TABLE etl.hits_by_site IS 'Hits per window and referring site: the sum over its rows, for each change of the result table adds one';
COMMENT ON COLUMN etl.hits_by_site.window_start IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.hits_by_site.site IS 'Site of the referrer; NULL when the events had none';
COMMENT ON COLUMN etl.hits_by_site.num_hits IS 'Hits that were added; negative when a restatement has taken some away';

INSERT INTO etl.hits_by_host (window_start, host, num_hits)
SELECT window_start, host, sum(num_hits) AS num_hits FROM public.aggregated_web_traffic GROUP BY window_start, host ORDER BY window_start;
INSERT INTO etl.hits_by_site (window_start, site, num_hits)
SELECT window_start, etl.referring_site(referrer) AS site, sum(num_hits) AS num_hits FROM public.aggregated_web_traffic
GROUP BY window_start, site ORDER BY window_start;

CREATE INDEX hits_by_host_window ON etl.hits_by_host (window_start);
CREATE INDEX hits_by_site_window ON etl.hits_by_site (window_start);

-- Whoever changes the result table changes the sums in the same transaction; nobody else writes them.
CREATE FUNCTION etl.keep_sums() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE etl.hits_by_host, etl.hits_by_site;
        RETURN NULL;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO etl.hits_by_host (window_start, host, num_hits)
        SELECT window_start, host, sum(num_hits) FROM added GROUP BY window_start, host;
        INSERT INTO etl.hits_by_site (window_start, site, num_hits)
        SELECT window_start, etl.referring_site(referrer), sum(num_hits) FROM added GROUP BY 1, 2;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO etl.hits_by_host (window_start, host, num_hits)
        SELECT window_start, host, -sum(num_hits) FROM removed GROUP BY window_start, host;
        INSERT INTO etl.hits_by_site (window_start, site, num_hits)
        SELECT window_start, etl.referring_site(referrer), -sum(num_hits) FROM removed GROUP BY 1, 2;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION etl.keep_sums() IS 'Keeps etl.hits_by_host and etl.hits_by_site equal to the result table, statement by statement';

CREATE TRIGGER keep_sums_of_added AFTER INSERT ON public.aggregated_web_traffic
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums();
CREATE TRIGGER keep_sums_of_changed AFTER UPDATE ON public.aggregated_web_traffic
REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums();
CREATE TRIGGER keep_sums_of_removed AFTER DELETE ON public.aggregated_web_traffic
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums();
CREATE TRIGGER keep_sums_of_none AFTER TRUNCATE ON public.aggregated_web_traffic
FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums();

CREATE INDEX run_by_name ON etl.run (name);
CREATE INDEX run_by_start ON etl.run (started_at);
CREATE INDEX batch_by_commit ON etl.batch (committed_at);
DROP INDEX etl.rejected_event_by_time;
CREATE INDEX rejected_event_by_time ON etl.rejected_event (rejected_at, topic_id, partition, record_offset);
CREATE INDEX rejected_event_by_reason ON etl.rejected_event (reason, rejected_at, topic_id, partition, record_offset);

GRANT SELECT ON etl.hits_by_host, etl.hits_by_site TO web_traffic_writer, web_traffic_reader;
