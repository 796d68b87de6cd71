-- Delete incidents that are over for long, and of which people were told.
DELETE FROM etl.alert WHERE resolved_at < %(cutoff)s AND cardinality(unsent) = 0;
