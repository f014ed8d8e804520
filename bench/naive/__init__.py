"""
The same transfer as most would write it, at its honest best; the wallet is compared with it.

The same libraries, the same GraphQL document and answer, correct to the cent:
a lock of redis-py's for each wallet, rows read and saved by the ORM, nothing
kept between requests. It does less than the wallet: no chain of hashes, no
sequence, no checks by the database.
"""
