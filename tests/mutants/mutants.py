"""All mutants, in the order in which they are tried: the cheapest first."""

from tests.mutants import with_services, without_services

MUTANTS = (*without_services.MUTANTS, *with_services.MUTANTS)
