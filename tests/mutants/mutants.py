"""All mutants, in the order in which they are tried: the cheapest first."""

from tests.mutants import of_corrections, with_services, without_services

MUTANTS = (*without_services.MUTANTS, *of_corrections.MUTANTS, *with_services.MUTANTS)
