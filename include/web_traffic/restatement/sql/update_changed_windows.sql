-- Set the new hits of the rows that changed.
UPDATE public.aggregated_web_traffic AS w
SET num_hits = r.new_hits
FROM etl.restatement AS r
WHERE
    r.run_id = %(run_id)s AND r.change = 'changed'
    AND w.window_start = r.window_start AND w.host = r.host AND w.referrer IS NOT DISTINCT FROM r.referrer;
