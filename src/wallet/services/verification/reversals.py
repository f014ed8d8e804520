"""Reversals: what was given back against what the operations say that it was taken from."""

from wallet.services.verification.findings import Check

_WRONGLY_RETURNED = Check(
    """
SELECT parent.id, parent.returned_minor, coalesce(reversal.total_minor, 0) AS total_minor
  FROM operations AS parent
  LEFT JOIN (
    SELECT parent_id, sum(amount_minor) AS total_minor
      FROM operations
     WHERE kind = 'REVERSAL' AND status = 'COMPLETED'
     GROUP BY parent_id
  ) AS reversal ON reversal.parent_id = parent.id
 WHERE parent.returned_minor <> coalesce(reversal.total_minor, 0)
 ORDER BY parent.id LIMIT 1
""",
    "operation {id}: {returned_minor} minor units of it were given back, "
    "and its reversals are of {total_minor}",
)

_WRONGLY_REVERSED = Check(
    """
SELECT id, status, returned_minor,
       coalesce(target_amount_minor, amount_minor) AS received_minor
  FROM operations
 WHERE kind IN ('TRANSFER', 'CAPTURE')
   AND (returned_minor > coalesce(target_amount_minor, amount_minor)
        OR (status = 'REVERSED')
           <> (returned_minor = coalesce(target_amount_minor, amount_minor)))
 ORDER BY id LIMIT 1
""",
    "operation {id}: is {status}, and of {received_minor} minor units "
    "{returned_minor} were given back",
)

# What was paid goes back in proportion to what was received, to the nearest minor unit,
# and so to the last one when all of it goes back.
_WRONG_SHARES = Check(
    """
SELECT parent.id, parent.amount_minor, parent.target_amount_minor, parent.returned_minor,
       reversal.total_minor
  FROM operations AS parent
  JOIN (
    SELECT parent_id, sum(target_amount_minor) AS total_minor
      FROM operations
     WHERE kind = 'REVERSAL' AND status = 'COMPLETED' AND target_amount_minor IS NOT NULL
     GROUP BY parent_id
  ) AS reversal ON reversal.parent_id = parent.id
 WHERE 2 * abs(reversal.total_minor * parent.target_amount_minor
               - parent.amount_minor::numeric * parent.returned_minor)
       > parent.target_amount_minor
 ORDER BY parent.id LIMIT 1
""",
    "operation {id}: for {returned_minor} of {target_amount_minor} minor units "
    "{total_minor} of {amount_minor} were given back, which is not its share",
)

CHECKS = (_WRONGLY_RETURNED, _WRONGLY_REVERSED, _WRONG_SHARES)
"""What holds of transfers and captures that were given back, in part or whole."""
