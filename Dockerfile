# Builds without BuildKit, and with nothing from a registry but the base. `make image-check` builds and runs it.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
# requirements-full.txt has the extras in as well.
ARG REQUIREMENTS=requirements.txt
# Debian's packages with a C compiler; another base than Python's own images needs python3-dev as well, for the headers.
# What a verification passes through is compiled by them, and nothing of them stays. Without a name nothing is compiled.
ARG COMPILER="gcc libc6-dev"
WORKDIR /src
# hadolint ignore=DL3008,DL3009,SC2086
RUN [ -z "${COMPILER}" ] || { apt-get update && apt-get install -y --no-install-recommends ${COMPILER}; } \
    || { echo 'no compiler to be had; --build-arg COMPILER= builds without one' >&2; exit 1; }
COPY requirements-build.txt requirements-compile.txt ${REQUIREMENTS} ./
# Wheels only, by hash: nothing of others is compiled here, and nothing comes in whose hash is not in the files. The
# second environment has no pip; it is the one that is kept.
RUN kind="${COMPILER:+compile}" \
    && python3 -m venv /build \
    && python3 -m venv --without-pip /app \
    && /build/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes \
        -r "requirements-${kind:-build}.txt" \
    && /build/bin/pip --python /app/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r "${REQUIREMENTS}"
COPY pyproject.toml README.md LICENSE ./
COPY authsvc authsvc
COPY migrations migrations
COPY docs/man docs/man
RUN HATCH_BUILD_HOOK_ENABLE_MYPYC="${COMPILER:+true}" \
    /build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-index --no-deps --no-build-isolation \
        --wheel-dir /dist . \
    && /build/bin/pip --python /app/bin/python install --no-cache-dir --disable-pip-version-check --no-index \
        --no-deps /dist/*.whl

FROM ${BASE}
ARG VERSION=0 REVISION=unknown
LABEL org.opencontainers.image.title="authsvc" \
    org.opencontainers.image.description="Who does this API key belong to, and did that user sign this request?" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /app /app
# A container's address is its own, so all of it is listened on; who may reach it is the network's to say.
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AUTHSVC_HOST=0.0.0.0
WORKDIR /app
USER 10001:10001
EXPOSE 8180 8181 8182
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 CMD ["authsvc", "health"]
ENTRYPOINT ["authsvc"]
CMD ["serve"]
