"""All mutants, in the order in which they are tried: the cheapest first."""

from tests.mutants import of_corrections, of_histories, with_services, without_services

MUTANTS = (*without_services.MUTANTS, *of_corrections.MUTANTS, *of_histories.MUTANTS, *with_services.MUTANTS)
