-- Keep the sums per site with less work: a referrer's site is found once for all hosts that it led to.

CREATE OR REPLACE FUNCTION etl.keep_sums() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE etl.hits_by_host, etl.hits_by_site;
        RETURN NULL;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO etl.hits_by_host (window_start, host, num_hits)
        SELECT window_start, host, sum(num_hits) FROM added GROUP BY window_start, host;
        INSERT INTO etl.hits_by_site (window_start, site, num_hits)
        SELECT window_start, etl.referring_site(referrer), sum(num_hits)
        FROM (SELECT window_start, referrer, sum(num_hits) AS num_hits FROM added GROUP BY window_start, referrer) AS by_referrer
        GROUP BY 1, 2;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO etl.hits_by_host (window_start, host, num_hits)
        SELECT window_start, host, -sum(num_hits) FROM removed GROUP BY window_start, host;
        INSERT INTO etl.hits_by_site (window_start, site, num_hits)
        SELECT window_start, etl.referring_site(referrer), -sum(num_hits)
        FROM (SELECT window_start, referrer, sum(num_hits) AS num_hits FROM removed GROUP BY window_start, referrer) AS by_referrer
        GROUP BY 1, 2;
    END IF;
    RETURN NULL;
END
$$;
