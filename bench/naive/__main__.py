"""`python -m bench.naive`: serve the naive version, as `wallet serve` serves the wallet."""

import os

import uvicorn

uvicorn.run(
    "bench.naive.app:create_app",
    factory=True,
    host=os.environ["HOST"],
    port=int(os.environ["PORT"]),
    workers=int(os.environ["WORKERS"]),
    log_level="warning",
    access_log=False,
)
