-- Compare the result table with the one that the migrations made: one row per difference, with the current definition
-- and the original one (NULL if there is none). Columns, indexes, constraints and triggers that somebody added are no
-- difference, unless a column needs a value. CHECK constraints may be missing: no run relies on them, and two quality
-- rules check the same.
WITH result_table AS (
    SELECT
        oid,
        relkind,
        relpersistence,
        relreplident
    FROM pg_catalog.pg_class
    WHERE oid = to_regclass('public.aggregated_web_traffic')
),

publication AS (
    SELECT p.pubname
    FROM pg_catalog.pg_publication AS p
    INNER JOIN pg_catalog.pg_publication_tables AS t ON p.pubname = t.pubname
    WHERE t.schemaname = 'public' AND t.tablename = 'aggregated_web_traffic' AND (p.pubupdate OR p.pubdelete)
),

identity_index AS (
    SELECT i.indexrelid
    FROM result_table AS r
    INNER JOIN pg_catalog.pg_index AS i ON r.oid = i.indrelid
    WHERE (r.relreplident = 'i' AND i.indisreplident) OR (r.relreplident = 'd' AND i.indisprimary)
),

expected (name, definition) AS (
    VALUES
    ('column window_start', 'timestamp with time zone NOT NULL'),
    ('column window_end', 'timestamp with time zone NOT NULL'),
    ('column host', 'text NOT NULL'),
    ('column referrer', 'text'),
    ('column num_hits', 'bigint NOT NULL'),
    (
        'index aggregated_web_traffic_key',
        'unique (window_start, '
        'sha256((replace((((length(host) || '':''::text) || host) || COALESCE((''=''::text || referrer), ''''::text)),'
        ' ''\''::text, ''\\''::text))::bytea))'
    ),
    ('identity of published rows', 'there'),
    ('table', 'ordinary'),
    (
        'trigger keep_sums_of_added',
        'CREATE TRIGGER keep_sums_of_added AFTER INSERT ON public.aggregated_web_traffic '
        'REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums()'
    ),
    (
        'trigger keep_sums_of_changed',
        'CREATE TRIGGER keep_sums_of_changed AFTER UPDATE ON public.aggregated_web_traffic '
        'REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums()'
    ),
    (
        'trigger keep_sums_of_removed',
        'CREATE TRIGGER keep_sums_of_removed AFTER DELETE ON public.aggregated_web_traffic '
        'REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums()'
    ),
    (
        'trigger keep_sums_of_none',
        'CREATE TRIGGER keep_sums_of_none AFTER TRUNCATE ON public.aggregated_web_traffic '
        'FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums()'
    )
),

found AS (
    SELECT
        'column ' || a.attname AS name,
        format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS definition,
        NOT a.attnotnull OR a.atthasdef OR a.attidentity <> '' AS is_harmless
    FROM result_table
    INNER JOIN pg_catalog.pg_attribute AS a ON result_table.oid = a.attrelid
    WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT
        'index ' || c.relname AS name,
        CASE
            WHEN NOT i.indisvalid THEN 'not valid'
            WHEN NOT i.indisunique THEN 'not unique'
            WHEN i.indpred IS NOT NULL THEN 'partial'
            ELSE (
                SELECT 'unique (' || string_agg(pg_get_indexdef(i.indexrelid, n, FALSE), ', ' ORDER BY n) || ')'
                FROM generate_series(1, i.indnkeyatts) AS n
            )
        END AS definition,
        TRUE AS is_harmless
    FROM result_table
    INNER JOIN pg_catalog.pg_index AS i ON result_table.oid = i.indrelid
    INNER JOIN pg_catalog.pg_class AS c ON i.indexrelid = c.oid
    UNION ALL
    SELECT
        'table' AS name,
        CASE
            WHEN relkind = 'p' THEN 'partitioned'
            WHEN relpersistence <> 'p' THEN 'unlogged'
            WHEN relkind <> 'r' THEN 'not a table'
            ELSE 'ordinary'
        END AS definition,
        FALSE AS is_harmless
    FROM result_table
    UNION ALL
    SELECT
        'trigger ' || t.tgname AS name,
        CASE WHEN t.tgenabled IN ('O', 'A') THEN pg_get_triggerdef(t.oid) ELSE 'disabled' END AS definition,
        TRUE AS is_harmless
    FROM result_table
    INNER JOIN pg_catalog.pg_trigger AS t ON result_table.oid = t.tgrelid
    WHERE NOT t.tgisinternal
    UNION ALL
    -- PostgreSQL refuses a statement that counts its own writes (WITH … RETURNING) on a table with rules.
    SELECT
        'rule ' || r.rulename AS name,
        'on ' || CASE r.ev_type WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' WHEN '4' THEN 'DELETE' ELSE 'SELECT' END AS definition,
        FALSE AS is_harmless
    FROM result_table
    INNER JOIN pg_catalog.pg_rewrite AS r ON result_table.oid = r.ev_class
    UNION ALL
    SELECT
        'identity of published rows' AS name,
        CASE
            WHEN relreplident = 'f' OR EXISTS (SELECT 1 FROM identity_index) THEN 'there'
            WHEN NOT EXISTS (SELECT 1 FROM publication) THEN 'there'
            ELSE 'missing (ALTER TABLE aggregated_web_traffic REPLICA IDENTITY FULL gives them one)'
        END AS definition,
        FALSE AS is_harmless
    FROM result_table
)

SELECT coalesce(e.name, f.name) AS name, f.definition AS found, e.definition AS expected
FROM expected AS e
FULL JOIN found AS f ON e.name = f.name
WHERE f.definition IS DISTINCT FROM e.definition AND NOT (e.name IS NULL AND f.is_harmless)
ORDER BY 1;
