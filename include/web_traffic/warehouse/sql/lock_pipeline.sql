-- Take the row lock that orders all commits to the result table; held until the transaction ends.
SELECT sealed_until FROM etl.pipeline WHERE name = 'web_traffic' FOR UPDATE;
