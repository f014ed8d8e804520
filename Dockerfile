# The service in a small image: no compiler, no pip, no npm, and not root.
#
# Every package is checked against the hashes of its lock file.

ARG PYTHON_VERSION=3.13
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-slim AS node

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# The packages first: they change least often, and a layer is kept until they do.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --quiet --no-deps --require-hashes -r requirements/build.txt \
    && python -m venv --without-pip /opt/wallet \
    && /opt/tools/bin/pip --python /opt/wallet/bin/python install --quiet \
        --no-deps --require-hashes -r requirements/runtime.txt

# npm, for GraphiQL's page only; it stays in this stage.
COPY --from=node /usr/local/bin/node /opt/node/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /opt/node/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /opt/node/bin/npm
ENV PATH=/opt/node/bin:$PATH
COPY src/wallet/schema/graphiql src/wallet/schema/graphiql
RUN python src/wallet/schema/graphiql/install.py

# No .gitignore comes along (see .dockerignore), or the build would leave the assets out.
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /build/wheels . \
    && /opt/tools/bin/pip --python /opt/wallet/bin/python install --quiet --no-deps /build/wheels/*.whl

FROM python:${PYTHON_VERSION}-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin wallet
COPY --from=build /opt/wallet /opt/wallet
ENV PATH=/opt/wallet/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8080
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, sys; from http.client import HTTPConnection; c = HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["wallet", "serve"]
