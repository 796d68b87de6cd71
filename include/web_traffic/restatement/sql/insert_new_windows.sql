-- Add the rows that the table lacks.
INSERT INTO public.aggregated_web_traffic (window_start, window_end, host, referrer, num_hits)
SELECT
    r.window_start,
    r.window_start + %(window_length)s AS window_end,
    r.host,
    r.referrer,
    r.new_hits
FROM etl.restatement AS r
WHERE r.run_id = %(run_id)s AND r.change = 'new';
