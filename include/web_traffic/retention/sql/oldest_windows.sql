-- The end of the oldest stretch of windows that are to be deleted; no row if there are none.
SELECT least(min(w.window_start) + %(at_once)s, %(kept_from)s) AS until
FROM public.aggregated_web_traffic AS w
WHERE w.window_start < %(kept_from)s
HAVING min(w.window_start) IS NOT NULL;
