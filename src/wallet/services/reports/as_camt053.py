"""
XML: a bank-to-customer statement, camt.053.001.08 of ISO 20022.

Version 08 is what banks moved to with SWIFT's migration of 2022 to 2025, and
what accounting software reads beside the old 02. Only what moved money is an
entry: nothing was booked for a failed transfer, an opening or a report.
"""

import re
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from wallet.core.money import format_amount
from wallet.services.reports.formats import Statement, Turnover, amount_sql, time_sql, write_time

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"

_NAME_LENGTH_MAX = 70
_HOLDER_LENGTH_MAX = 140
_REMITTANCE_LENGTH_MAX = 140
_REMITTANCES_MAX = 4
"""As many as a description of 500 characters fills."""

_AMOUNT_MINOR_MAX = 10**18 - 1
"""Amounts, balances and sums have 18 digits in all."""

# What XML 1.0 has no place for, not even escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FORBIDDEN_SQL = r"E'[\u0001-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]'"

_TICK = timedelta(microseconds=1)


class Camt053Format:
    """One entry a line; ids are hexadecimal, since ISO 20022 gives them 35 characters at most."""

    media_type = "application/xml"
    between = "\n"
    shows_turnover = True
    only_money = True
    amount_minor_max = _AMOUNT_MINOR_MAX

    def line_sql(self, currency: str) -> str:
        """Return the SQL expression of an entry."""
        is_debit = "line.amount_minor < 0"
        id_ = "replace(line.operation_id::text, '-', '')"
        booked_at = f"'<DtTm>' || {time_sql('line.created_at')} || '</DtTm>'"
        parts = (
            "'<Ntry><NtryRef>' || line.sequence || '</NtryRef>'",
            f"""'<Amt Ccy="{currency}">' || {amount_sql("abs(line.amount_minor)", currency)}""",
            f"'</Amt><CdtDbtInd>' || CASE WHEN {is_debit} THEN 'DBIT' ELSE 'CRDT' END",
            "'</CdtDbtInd>'",
            "CASE WHEN line.kind = 'REVERSAL' THEN '<RvslInd>true</RvslInd>' ELSE '' END",
            f"'<Sts><Cd>BOOK</Cd></Sts><BookgDt>' || {booked_at} || '</BookgDt>'",
            f"'<ValDt>' || {booked_at} || '</ValDt><AcctSvcrRef>' || {id_} || '</AcctSvcrRef>'",
            _code_sql(is_debit),
            f"'<NtryDtls><TxDtls><Refs><EndToEndId>' || {id_} || '</EndToEndId></Refs>'",
            f"CASE WHEN line.counterparty IS NULL THEN '' ELSE {_parties_sql(is_debit)} END",
            f"CASE WHEN line.description IS NULL THEN '' ELSE {_remittance_sql()} END",
            "'</TxDtls></NtryDtls></Ntry>'",
        )
        return " || ".join(parts)

    def begin(self, statement: Statement) -> bytes:
        """Write the header, the account, both balances and the turnover."""
        made_at = write_time(statement.made_at)
        id_ = statement.operation_id.hex
        # The last instant of the period is the one before it is over.
        last_at = max(statement.until - _TICK, statement.from_)
        lines = (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>',
            f"<GrpHdr><MsgId>{id_}</MsgId><CreDtTm>{made_at}</CreDtTm></GrpHdr>",
            f"<Stmt><Id>{id_}</Id><ElctrncSeqNb>{statement.last_sequence}</ElctrncSeqNb>",
            f"<CreDtTm>{made_at}</CreDtTm>",
            f"<FrToDt><FrDtTm>{write_time(statement.from_)}</FrDtTm>",
            f"<ToDtTm>{write_time(last_at)}</ToDtTm></FrToDt>",
            _account(statement),
            _balance("OPBD", statement.opening_minor, statement.currency, statement.from_),
            _balance("CLBD", statement.closing_minor, statement.currency, last_at),
            _turnover(statement),
            "",
        )
        return "\n".join(lines).encode()

    def leave_out(self, statement: Statement, left_out: Turnover) -> bytes:
        """Refuse: a statement leaves nothing out."""
        raise AssertionError(f"{left_out.lines} lines of {statement.wallet_id} are left out")

    def end(self, statement: Statement) -> bytes:
        """Close what is open."""
        del statement
        return b"\n</Stmt></BkToCstmrStmt></Document>\n"


def _code_sql(is_debit: str) -> str:
    """Return the bank transaction code: received or issued, and the kind."""
    return f"""
        '<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>' || CASE WHEN {is_debit} THEN 'ICDT' ELSE 'RCDT' END
        || '</Cd><SubFmlyCd>'
        || CASE WHEN line.kind IN ('TRANSFER', 'CAPTURE') THEN 'BOOK' ELSE 'OTHR' END
        || '</SubFmlyCd></Fmly></Domn><Prtry><Cd>' || line.kind || '</Cd></Prtry></BkTxCd>'
    """


def _parties_sql(is_debit: str) -> str:
    """Return the other side: who was paid, or who paid."""
    role = f"CASE WHEN {is_debit} THEN 'Cdtr' ELSE 'Dbtr' END"
    name = _escape_sql(f"left({_clean_sql('line.counterparty')}, {_HOLDER_LENGTH_MAX})")
    account = "replace(line.counterparty_wallet_id::text, '-', '')"
    return f"""
        '<RltdPties><' || {role} || '><Pty><Nm>' || {name} || '</Nm></Pty></' || {role}
        || '><' || {role} || 'Acct><Id><Othr><Id>' || {account}
        || '</Id></Othr></Id></' || {role} || 'Acct></RltdPties>'
    """


def _remittance_sql() -> str:
    """Return the description in pieces that fit."""
    text = _clean_sql("line.description")
    pieces = []
    for number in range(_REMITTANCES_MAX):
        start = number * _REMITTANCE_LENGTH_MAX
        piece = _escape_sql(f"substr({text}, {start + 1}, {_REMITTANCE_LENGTH_MAX})")
        pieces.append(
            f"CASE WHEN length({text}) > {start} THEN '<Ustrd>' || {piece} || '</Ustrd>' "
            "ELSE '' END"
        )
    return (
        f"CASE WHEN {text} = '' THEN '' ELSE '<RmtInf>' || {' || '.join(pieces)} || '</RmtInf>' END"
    )


def _clean_sql(column: str) -> str:
    return f"regexp_replace({column}, {_FORBIDDEN_SQL}, '', 'g')"


def _escape_sql(text: str) -> str:
    """Return *text* as XML; a reader would take a bare CR for a LF."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = f"replace({text}, '{character}', '{entity}')"
    return rf"replace({text}, E'\r', '&#13;')"


def _escape(text: str, *, length_max: int) -> str:
    return escape(_FORBIDDEN.sub("", text)[:length_max], {"\r": "&#13;"})


def _account(statement: Statement) -> str:
    label = _escape(statement.label or "", length_max=_NAME_LENGTH_MAX)
    holder = _escape(statement.owner_email, length_max=_HOLDER_LENGTH_MAX)
    name = f"<Nm>{label}</Nm>" if label else ""
    return (
        f"<Acct><Id><Othr><Id>{statement.wallet_id.hex}</Id></Othr></Id>"
        f"<Ccy>{statement.currency}</Ccy>{name}<Ownr><Nm>{holder}</Nm></Ownr></Acct>"
    )


def _balance(code: str, balance_minor: int, currency: str, at: datetime) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{format_amount(abs(balance_minor), currency)}</Amt>'
        f"<CdtDbtInd>{_direction(balance_minor)}</CdtDbtInd><Dt><Dt>{at:%Y-%m-%d}</Dt></Dt></Bal>"
    )


def _turnover(statement: Statement) -> str:
    currency, credits_, debits = statement.currency, statement.credits, statement.debits
    net_minor = credits_.amount_minor - debits.amount_minor
    whole = Turnover(
        lines=credits_.lines + debits.lines,
        amount_minor=credits_.amount_minor + debits.amount_minor,
    )
    net = (
        f"<TtlNetNtry><Amt>{format_amount(abs(net_minor), currency)}</Amt>"
        f"<CdtDbtInd>{_direction(net_minor)}</CdtDbtInd></TtlNetNtry>"
        if abs(net_minor) <= _AMOUNT_MINOR_MAX
        else ""
    )
    return (
        f"<TxsSummry><TtlNtries>{_sum(whole, currency)}{net}</TtlNtries>"
        f"<TtlCdtNtries>{_sum(credits_, currency)}</TtlCdtNtries>"
        f"<TtlDbtNtries>{_sum(debits, currency)}</TtlDbtNtries></TxsSummry>"
    )


def _sum(turnover: Turnover, currency: str) -> str:
    count = f"<NbOfNtries>{turnover.lines}</NbOfNtries>"
    if turnover.amount_minor > _AMOUNT_MINOR_MAX:
        return count  # It may be left out, and the balances and entries say as much.
    return f"{count}<Sum>{format_amount(turnover.amount_minor, currency)}</Sum>"


def _direction(amount_minor: int) -> str:
    return "DBIT" if amount_minor < 0 else "CRDT"
