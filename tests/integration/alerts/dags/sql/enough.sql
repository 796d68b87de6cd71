-- The number of fruits.
SELECT count(fruit.name) AS observed, count(fruit.name) < scope.rule_limit AS is_offender FROM scope LEFT JOIN public.fruit ON true GROUP BY scope.rule_limit;
