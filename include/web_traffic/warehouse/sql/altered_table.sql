-- In which ways the result table is not as the migrations made it: one row per column or index, with what it is (NULL if
-- it is not there) and what it was.
WITH expected (name, definition) AS (
    VALUES
    ('column window_start', 'timestamp with time zone NOT NULL'),
    ('column window_end', 'timestamp with time zone NOT NULL'),
    ('column host', 'text NOT NULL'),
    ('column referrer', 'text'),
    ('column num_hits', 'bigint NOT NULL'),
    ('index aggregated_web_traffic_key', 'unique')
),

found AS (
    SELECT
        'column ' || a.attname AS name,
        format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS definition,
        a.atthasdef AS is_filled
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = to_regclass('public.aggregated_web_traffic') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT
        'index ' || c.relname AS name,
        CASE WHEN i.indisunique AND i.indisvalid THEN 'unique' ELSE 'not unique, or not valid' END AS definition,
        TRUE AS is_filled
    FROM pg_catalog.pg_index AS i
    INNER JOIN pg_catalog.pg_class AS c ON i.indexrelid = c.oid
    WHERE i.indrelid = to_regclass('public.aggregated_web_traffic')
)

SELECT coalesce(e.name, f.name) AS name, f.definition AS found, e.definition AS expected
FROM expected AS e
FULL JOIN found AS f ON e.name = f.name
WHERE
    f.definition IS DISTINCT FROM e.definition
    -- Indexes and columns of a person's own do no harm, unless a column asks for a value.
    AND NOT (e.name IS NULL AND (f.is_filled OR f.definition NOT LIKE '%%NOT NULL'))
ORDER BY 1;
