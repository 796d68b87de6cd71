-- Keep the result of one rule.
INSERT INTO etl.quality_result (
    run_name, run_id, since, until, table_name, rule, dimension, severity, status, condition, observed, unit, checked,
    offenders, sample
) VALUES (
    %(run_name)s,
    %(run_id)s,
    %(since)s,
    %(until)s,
    %(table_name)s,
    %(rule)s,
    %(dimension)s,
    %(severity)s,
    %(status)s,
    %(condition)s,
    %(observed)s,
    %(unit)s,
    %(checked)s,
    %(offenders)s,
    %(sample)s
);
