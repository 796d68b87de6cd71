-- Measure how large the values of rejected events are: what was deleted no longer counts.
UPDATE etl.rejected_size SET bytes = (SELECT coalesce(sum(octet_length(e.value)), 0) FROM etl.rejected_event AS e);
