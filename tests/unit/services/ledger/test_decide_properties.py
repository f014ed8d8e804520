"""What holds for every ledger and every sequence of requests."""

from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from uuid import UUID

from hypothesis import given

from tests.unit.services.ledger.assertions import follow
from tests.unit.services.ledger.memory import Memory, describe, describe_error, describe_outcome
from tests.unit.services.ledger.samples import BIGINT_MAX, ask_again
from tests.unit.services.ledger.strategies import Scenario, scenarios
from wallet.core.errors import ErrorCode, WalletError
from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.services.ledger import Posting
from wallet.services.ledger.decide import Decision, decide
from wallet.services.ledger.records import EntryRecord


def decide_on(scenario: Scenario) -> Decision:
    """Decide on a whole scenario in one round."""
    return scenario.memory.decide(*scenario.postings, now=scenario.now)


class TestDecideMoney:
    """Money is neither made nor lost."""

    @given(scenarios())
    def test_every_operation_adds_up(self, scenario: Scenario) -> None:
        """COMPLETED has its legs, 0 in sum; FAILED has one entry of 0, on the actor's side."""
        decision = decide_on(scenario)

        asked = {posting.operation_id: posting for posting in scenario.postings}
        written: dict[UUID, list[tuple[UUID, int]]] = defaultdict(list)
        for entry in decision.entries:
            written[entry.operation_id].append((entry.wallet_id, entry.amount_minor))
            if entry.sequence is not None:
                currency = scenario.memory.wallets[entry.wallet_id].currency
                assert currency == asked[entry.operation_id].currency
        for operation in decision.operations:
            posting, entries = asked[operation.id], written.pop(operation.id)
            assert sum(amount_minor for _, amount_minor in entries) == 0
            if operation.status is OperationStatus.COMPLETED:
                assert entries == [(leg.wallet_id, leg.amount_minor) for leg in posting.legs]
                assert operation.error_code is None
            else:
                assert operation.status is OperationStatus.FAILED
                assert entries == [(posting.wallet_id, 0)]
                assert operation.error_code is not None
        assert not written, "entries without an operation"

    @given(scenarios())
    def test_balances_stay_within_bounds(self, scenario: Scenario) -> None:
        """At no line is a balance below held less overdraft, or beyond what a BIGINT holds."""
        decision = decide_on(scenario)

        for entry in decision.entries:
            if entry.balance_after_minor is not None:
                before = scenario.memory.wallets[entry.wallet_id]
                assert entry.balance_after_minor >= before.held_minor - before.overdraft_minor
                assert entry.balance_after_minor <= BIGINT_MAX
                assert (entry.held_change_minor, entry.held_after_minor) == (0, before.held_minor)


class TestDecideStatements:
    """Every statement goes on from where it stood."""

    @given(scenarios())
    def test_statements_lead_to_the_rows(self, scenario: Scenario) -> None:
        """Numbers without gaps, running balances and hashes lead from the old row to the new."""
        decision = decide_on(scenario)

        statements: dict[UUID, list[EntryRecord]] = defaultdict(list)
        for entry in decision.entries:
            if entry.sequence is not None:
                statements[entry.wallet_id].append(entry)
        assert decision.wallets == {
            wallet_id: follow(scenario.memory.wallets[wallet_id], statement)
            for wallet_id, statement in statements.items()
        }

    @given(scenarios())
    def test_lines_are_as_old_as_their_operation(self, scenario: Scenario) -> None:
        """Operation and entries have one instant, not before the clock of the round."""
        decision = decide_on(scenario)

        written_at = {operation.id: operation.created_at for operation in decision.operations}
        for operation in decision.operations:
            assert operation.completed_at == operation.created_at >= scenario.now
        for entry in decision.entries:
            assert entry.created_at == written_at[entry.operation_id]


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
    def test_a_key_has_one_operation(self, scenario: Scenario) -> None:
        """A key leads to one operation; who did not make it is told that it is a replay."""
        decision = decide_on(scenario)

        keys = [
            (operation.actor_id, operation.idempotency_key)
            for operation in decision.operations
            if operation.idempotency_key is not None
        ]
        assert len(keys) == len(set(keys))
        for posting, outcome in zip(scenario.postings, decision.outcomes, strict=True):
            assert outcome.replayed == (
                outcome.operation is not None and outcome.operation.id != posting.operation_id
            )


class TestDecidePurity:
    """A decision follows from its input alone."""

    @given(scenarios())
    def test_same_input_same_decision(self, scenario: Scenario) -> None:
        """Deciding again gives the same, in whatever order the rows were read."""
        before = deepcopy(scenario)

        first = decide_on(scenario)
        second = decide(
            dict(reversed(scenario.memory.wallets.items())),
            {},
            scenario.postings,
            now=scenario.now,
        )

        assert describe(first) == describe(second)
        assert scenario == before

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
