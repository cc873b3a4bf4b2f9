"""The layer contract: clauses by family, each of which can be run alone. It knows no style."""

from badak.check.contract.registry import CHECKS as CHECKS
from badak.check.contract.registry import CLAUSES as CLAUSES
from badak.check.contract.verdict import examine as examine
