-- Delete the rows that the restatement no longer finds in the events.
DELETE FROM public.aggregated_web_traffic AS w
USING etl.restatement AS r
WHERE
    r.run_id = %(run_id)s AND r.change = 'vanished'
    AND w.window_start = r.window_start AND w.host = r.host AND w.referrer IS NOT DISTINCT FROM r.referrer;
