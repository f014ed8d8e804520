"""What holds for every ledger and every sequence of requests."""

from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from uuid import UUID

from hypothesis import given

from tests.unit.services.ledger.memory import Memory, describe, describe_error, describe_outcome
from tests.unit.services.ledger.samples import BIGINT_MAX, ask_again
from tests.unit.services.ledger.strategies import Scenario, scenarios
from wallet.core.errors import ErrorCode, WalletError
from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.services.ledger import Posting
from wallet.services.ledger.chain import chain_hash
from wallet.services.ledger.decide import Decision
from wallet.services.ledger.records import EntryRecord


def decide_on(scenario: Scenario) -> Decision:
    """Decide on a whole scenario in one round."""
    return scenario.memory.decide(*scenario.postings, now=scenario.now)


def entries_by_wallet(decision: Decision) -> dict[UUID, list[EntryRecord]]:
    """Sort the lines of holders' statements by wallet, in the order of writing."""
    lines: dict[UUID, list[EntryRecord]] = defaultdict(list)
    for entry in decision.entries:
        if entry.sequence is not None:
            lines[entry.wallet_id].append(entry)
    return lines


class TestDecideMoney:
    """Money is neither made nor lost."""

    @given(scenarios())
    def test_every_operation_adds_up_to_zero(self, scenario: Scenario) -> None:
        """The entries of an operation, the world's included, add up to 0 in its one currency."""
        decision = decide_on(scenario)

        totals: dict[UUID, int] = defaultdict(int)
        currencies: dict[UUID, set[str]] = defaultdict(set)
        for entry in decision.entries:
            totals[entry.operation_id] += entry.amount_minor
            if entry.sequence is not None:
                currencies[entry.operation_id].add(
                    scenario.memory.wallets[entry.wallet_id].currency
                )
        for operation in decision.operations:
            assert totals.pop(operation.id) == 0
            assert currencies[operation.id] == {operation.currency}
        assert not totals, "entries without an operation"

    @given(scenarios())
    def test_completed_operations_move_their_legs_and_failed_ones_nothing(
        self, scenario: Scenario
    ) -> None:
        """COMPLETED has an entry for each leg; FAILED has one, of 0, on the actor's side."""
        decision = decide_on(scenario)

        asked = {posting.operation_id: posting for posting in scenario.postings}
        for operation in decision.operations:
            posting = asked[operation.id]
            written = [
                (entry.wallet_id, entry.amount_minor)
                for entry in decision.entries
                if entry.operation_id == operation.id
            ]
            if operation.status is OperationStatus.COMPLETED:
                assert written == [(leg.wallet_id, leg.amount_minor) for leg in posting.legs]
                assert operation.error_code is None
            else:
                assert operation.status is OperationStatus.FAILED
                assert written == [(posting.wallet_id, 0)]
                assert operation.error_code is not None

    @given(scenarios())
    def test_nothing_is_spent_that_is_not_there(self, scenario: Scenario) -> None:
        """No wallet goes below its held money less its overdraft, at no line of its statement."""
        decision = decide_on(scenario)

        for entry in decision.entries:
            if entry.balance_after_minor is not None:
                before = scenario.memory.wallets[entry.wallet_id]
                assert entry.balance_after_minor >= before.held_minor - before.overdraft_minor
                assert entry.held_after_minor == before.held_minor

    @given(scenarios())
    def test_no_wallet_outgrows_its_column(self, scenario: Scenario) -> None:
        """No balance is beyond what a BIGINT holds, at no line of a statement."""
        decision = decide_on(scenario)

        for entry in decision.entries:
            if entry.balance_after_minor is not None:
                assert -BIGINT_MAX <= entry.balance_after_minor <= BIGINT_MAX


class TestDecideStatements:
    """Every statement goes on from where it stood."""

    @given(scenarios())
    def test_sequences_have_no_gaps(self, scenario: Scenario) -> None:
        """Lines are numbered on from last_sequence, one by one, up to the new last_sequence."""
        decision = decide_on(scenario)

        lines = entries_by_wallet(decision)
        assert lines.keys() == decision.wallets.keys()
        for wallet_id, entries in lines.items():
            first = scenario.memory.wallets[wallet_id].last_sequence + 1
            last = decision.wallets[wallet_id].last_sequence
            assert [entry.sequence for entry in entries] == list(range(first, last + 1))

    @given(scenarios())
    def test_chains_verify(self, scenario: Scenario) -> None:
        """From the old head, the hashes of the lines lead to the new head."""
        decision = decide_on(scenario)

        for wallet_id, entries in entries_by_wallet(decision).items():
            head = scenario.memory.wallets[wallet_id].head_hash
            for entry in entries:
                assert entry.sequence is not None
                assert entry.balance_after_minor is not None
                assert entry.held_after_minor is not None
                head = chain_hash(
                    head,
                    wallet_id=entry.wallet_id,
                    operation_id=entry.operation_id,
                    sequence=entry.sequence,
                    amount_minor=entry.amount_minor,
                    held_change_minor=entry.held_change_minor,
                    balance_after_minor=entry.balance_after_minor,
                    held_after_minor=entry.held_after_minor,
                    created_at=entry.created_at,
                )
                assert entry.hash == head
            assert decision.wallets[wallet_id].head_hash == head

    @given(scenarios())
    def test_balances_are_sums(self, scenario: Scenario) -> None:
        """Each balance_after is the one before plus the line's amount; the last is the wallet's."""
        decision = decide_on(scenario)

        for wallet_id, entries in entries_by_wallet(decision).items():
            balance_minor = scenario.memory.wallets[wallet_id].balance_minor
            for entry in entries:
                balance_minor += entry.amount_minor
                assert entry.balance_after_minor == balance_minor
            assert decision.wallets[wallet_id].balance_minor == balance_minor

    @given(scenarios())
    def test_time_does_not_go_back(self, scenario: Scenario) -> None:
        """A line is as old as its operation, not older than the clock or the line before it."""
        decision = decide_on(scenario)

        operations = {operation.id: operation for operation in decision.operations}
        for wallet_id, entries in entries_by_wallet(decision).items():
            earliest = max(scenario.now, scenario.memory.wallets[wallet_id].last_entry_at)
            for entry in entries:
                operation = operations[entry.operation_id]
                assert entry.created_at == operation.created_at == operation.completed_at
                assert entry.created_at >= earliest
                earliest = entry.created_at
            assert decision.wallets[wallet_id].last_entry_at == earliest

    @given(scenarios())
    def test_nothing_else_of_a_wallet_changes(self, scenario: Scenario) -> None:
        """Owner, currency, label, status, held money and overdraft are not the ledger's to set."""
        decision = decide_on(scenario)

        for wallet_id, after in decision.wallets.items():
            before = scenario.memory.wallets[wallet_id]
            for name in before.__dataclass_fields__.keys() - {
                "balance_minor",
                "last_sequence",
                "head_hash",
                "last_entry_at",
            }:
                assert getattr(after, name) == getattr(before, name)


class TestDecideReplays:
    """Asking again changes nothing."""

    @given(scenarios(always_keyed=True))
    def test_asking_again_writes_nothing(self, scenario: Scenario) -> None:
        """A whole round asked again answers the same operations and the same errors."""
        first = scenario.memory.post(*scenario.postings, now=scenario.now)

        again = scenario.memory.decide(
            *(ask_again(posting) for posting in scenario.postings), now=scenario.now
        )

        assert (again.operations, again.entries, again.wallets) == ([], [], {})
        for before, after in zip(first.outcomes, again.outcomes, strict=True):
            if before.operation is not None:
                assert after.replayed
                assert after.operation == before.operation
                assert describe_error(after.error) == describe_error(before.error)
                assert before.wallet is not None
                assert after.wallet is not None
                assert after.wallet.balance_minor == before.wallet.balance_minor
                assert after.wallet.held_minor == before.wallet.held_minor

    @given(scenarios())
    def test_only_what_others_asked_is_replayed(self, scenario: Scenario) -> None:
        """An outcome is replayed exactly when its operation is not the posting's own."""
        decision = decide_on(scenario)

        for posting, outcome in zip(scenario.postings, decision.outcomes, strict=True):
            assert outcome.replayed == (
                outcome.operation is not None and outcome.operation.id != posting.operation_id
            )

    @given(scenarios())
    def test_a_key_has_one_operation(self, scenario: Scenario) -> None:
        """However often a key comes, its actor has at most one operation under it."""
        decision = decide_on(scenario)

        keys = [
            (operation.actor_id, operation.idempotency_key)
            for operation in decision.operations
            if operation.idempotency_key is not None
        ]
        assert len(keys) == len(set(keys))


class TestDecidePurity:
    """A decision follows from its input alone."""

    @given(scenarios())
    def test_same_input_same_decision(self, scenario: Scenario) -> None:
        """Deciding twice gives the same, byte by byte, and leaves the input as it was."""
        before = deepcopy(scenario)

        first, second = decide_on(scenario), decide_on(scenario)

        assert describe(first) == describe(second)
        assert scenario == before

    @given(scenarios())
    def test_order_of_rows_does_not_matter(self, scenario: Scenario) -> None:
        """The rows are looked up by id, in whatever order they were read."""
        wallets = dict(reversed(scenario.memory.wallets.items()))

        reordered = Memory(wallets).decide(*scenario.postings, now=scenario.now)

        assert describe(reordered) == describe(decide_on(scenario))

    @given(scenarios())
    def test_a_round_is_the_same_as_its_postings_one_by_one(self, scenario: Scenario) -> None:
        """Outcomes, operations, entries and hashes do not depend on how rounds are cut."""
        together = decide_on(scenario)

        memory = scenario.memory.copy()
        outcomes = [
            outcome
            for posting in scenario.postings
            for outcome in memory.post(posting, now=scenario.now).outcomes
        ]

        assert memory.operations == together.operations
        assert memory.entries == together.entries
        assert memory.wallets == {**scenario.memory.wallets, **together.wallets}
        assert [describe_outcome(outcome) for outcome in outcomes] == [
            describe_outcome(outcome) for outcome in together.outcomes
        ]


class TestDecideOrderOfChecks:
    """The first rule that does not hold is the answer."""

    @given(scenarios())
    def test_first_broken_rule_is_the_answer(self, scenario: Scenario) -> None:
        """Each posting gets the error of the first rule that it breaks; none if it keeps all."""
        memory = scenario.memory
        for posting in scenario.postings:
            expected = next(broken_rules(memory, posting), None)
            (outcome,) = memory.post(posting, now=scenario.now).outcomes

            assert code_of(outcome.error) == expected


def code_of(error: WalletError | None) -> ErrorCode | None:
    """Return the code of an error, None for none."""
    return error.code if error else None


def broken_rules(memory: Memory, posting: Posting) -> Iterator[ErrorCode | None]:
    """
    Yield the codes of all rules that *posting* breaks, in their documented order.

    A replay ends the list: with the code of the first outcome, None where money moved.
    """
    known = memory.known.get((posting.actor_id, posting.idempotency_key or ""))
    if known and known.operation.request_hash == posting.request_hash:
        code = known.operation.error_code
        yield ErrorCode(code) if code else None
    if known:
        yield ErrorCode.IDEMPOTENCY_CONFLICT
    holders = [leg for leg in posting.legs if not leg.is_system]
    if any(leg.wallet_id not in memory.wallets for leg in holders):
        yield ErrorCode.NOT_FOUND
        return
    wallets = [memory.wallets[leg.wallet_id] for leg in holders]
    by_role = posting.kind is OperationKind.TOPUP and posting.owner_id is None
    if not by_role and memory.wallets[posting.wallet_id].owner_id != posting.actor_id:
        yield ErrorCode.NOT_FOUND
    if any(wallet.currency != posting.currency for wallet in wallets):
        yield ErrorCode.CURRENCY_MISMATCH
    if any(wallet.status is not WalletStatus.ACTIVE for wallet in wallets):
        yield ErrorCode.WALLET_UNAVAILABLE
    after = [
        wallet.balance_minor + leg.amount_minor
        for wallet, leg in zip(wallets, holders, strict=True)
    ]
    if any(
        leg.amount_minor < 0 and balance_minor < wallet.held_minor - wallet.overdraft_minor
        for wallet, leg, balance_minor in zip(wallets, holders, after, strict=True)
    ):
        yield ErrorCode.INSUFFICIENT_FUNDS
    if max(after) > BIGINT_MAX:
        yield ErrorCode.LIMIT_EXCEEDED
