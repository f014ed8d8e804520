"""Quotes: each was used for one operation at most, and each conversion has used one."""

from wallet.services.verification.findings import Check

_MISUSED = Check(
    """
SELECT quote.id, quote.operation_id
  FROM quotes AS quote JOIN operations AS operation ON operation.id = quote.operation_id
 WHERE operation.status NOT IN ('COMPLETED', 'REVERSED')
    OR operation.parent_id IS NOT NULL
    OR operation.actor_id <> quote.user_id
    OR (operation.amount_minor, operation.currency, operation.target_amount_minor,
        operation.target_currency, operation.rate)
       IS DISTINCT FROM (quote.amount_minor, quote.currency, quote.target_amount_minor,
                         quote.target_currency, quote.rate)
 ORDER BY quote.id LIMIT 1
""",
    "quote {id}: does not fit operation {operation_id}, which used it",
)

# What goes back goes at the rate of what it follows, and needs no quote.
_UNQUOTED = Check(
    """
SELECT operation.id, count(quote.id) AS quotes
  FROM operations AS operation LEFT JOIN quotes AS quote ON quote.operation_id = operation.id
 WHERE operation.target_currency IS NOT NULL AND operation.parent_id IS NULL
   AND operation.status IN ('COMPLETED', 'REVERSED')
 GROUP BY operation.id
HAVING count(quote.id) <> 1
 ORDER BY operation.id LIMIT 1
""",
    "operation {id}: was converted with {quotes} quotes, not with one",
)

CHECKS = (_MISUSED, _UNQUOTED)
"""What holds of quotes that were used, and of what they were used for."""
