-- The length of windows is no longer fixed by the table: rows of an old length stay when it changes. The quality rule
-- window_shape checks it. NOT VALID: all rows that are there were checked when they came.

ALTER TABLE public.aggregated_web_traffic
DROP CONSTRAINT IF EXISTS aggregated_web_traffic_check,
ADD CONSTRAINT window_ends_after_its_start CHECK (window_end > window_start) NOT VALID;
COMMENT ON TABLE public.aggregated_web_traffic IS 'Hits per window of event time, host and referrer; a row appears when its window is closed';
COMMENT ON COLUMN public.aggregated_web_traffic.window_end IS 'End of the window, exclusive';
