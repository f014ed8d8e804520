-- One transfer in one transaction, as the ledger does it, in plain SQL for pgbench.
--
-- The same row locks in the same order, the same columns, the same chain of
-- hashes: `wallet verify` holds for what this leaves behind. Four trips, which
-- is the least for whoever has to see the rows before deciding: BEGIN, read
-- under lock, write, COMMIT. With one statement per table it did a third less.
--
-- :source and :target are numbers of wallets, set by the lines before this.
BEGIN;
WITH locked AS MATERIALIZED (
    SELECT asked.number, wallet.id, wallet.owner_id, wallet.balance_minor, wallet.held_minor,
           wallet.last_sequence, wallet.head_hash, wallet.last_entry_at
      FROM bench.numbers AS asked
      JOIN wallets AS wallet ON wallet.id = asked.wallet_id
     WHERE asked.number IN (:source, :target)
     ORDER BY wallet.id
       FOR NO KEY UPDATE OF wallet
)
SELECT source.id AS source_id, source.owner_id AS actor_id,
       source.balance_minor - 1 AS source_balance, source.held_minor AS source_held,
       source.last_sequence + 1 AS source_sequence, source.head_hash AS source_head,
       target.id AS target_id,
       target.balance_minor + 1 AS target_balance, target.held_minor AS target_held,
       target.last_sequence + 1 AS target_sequence, target.head_hash AS target_head,
       uuidv7() AS operation_id,
       greatest(clock_timestamp(), source.last_entry_at, target.last_entry_at) AS at
  FROM locked AS source JOIN locked AS target ON target.number = :target
 WHERE source.number = :source
\gset
WITH operation AS (
    INSERT INTO operations (
        id, kind, status, actor_id, source_wallet_id, target_wallet_id, amount_minor, currency,
        idempotency_key, request_hash, created_at, completed_at, source_sequence, target_sequence)
    VALUES (
        :operation_id, 'TRANSFER', 'COMPLETED', :actor_id, :source_id, :target_id, 1, 'EUR',
        :operation_id::uuid::text, sha256(uuid_send(:operation_id)), :at, :at,
        :source_sequence, :target_sequence)
), line AS MATERIALIZED (
    SELECT wallet_id, sequence, amount, balance, held,
           sha256(head || uuid_send(wallet_id) || uuid_send(:operation_id) || int8send(sequence)
               || int8send(amount) || int8send(0) || int8send(balance) || int8send(held)
               || int8send((extract(epoch FROM :at::timestamptz) * 1000000)::bigint)) AS hash
      FROM (VALUES
          (:source_id::uuid, :source_sequence::bigint, -1::bigint, :source_balance::bigint,
           :source_held::bigint, :source_head::bytea),
          (:target_id, :target_sequence, 1, :target_balance, :target_held, :target_head)
      ) AS side (wallet_id, sequence, amount, balance, held, head)
), entry AS (
    INSERT INTO entries (
        operation_id, wallet_id, sequence, amount_minor, held_change_minor, balance_after_minor,
        held_after_minor, hash, created_at)
    SELECT :operation_id, wallet_id, sequence, amount, 0, balance, held, hash, :at FROM line
)
UPDATE wallets AS wallet
   SET balance_minor = line.balance, last_sequence = line.sequence, head_hash = line.hash,
       last_entry_at = :at
  FROM line
 WHERE wallet.id = line.wallet_id;
COMMIT;
