-- Fruit that is green.
SELECT fruit.name, fruit.color = 'green' AS is_offender FROM public.fruit;
