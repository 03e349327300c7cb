# syntax=docker/dockerfile:1
FROM rust:1.95-slim-bookworm AS build
# Versions that are pinned vanish from Debian with the next security fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY src src
COPY benches benches
COPY tests tests
# The demo's voices and the models' checksums are compiled in; the models themselves are not.
COPY fixtures/audio fixtures/audio
COPY models/SHA256SUMS models/SHA256SUMS
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin redial && cp target/release/redial /redial

FROM debian:bookworm-slim
RUN useradd --uid 65532 --create-home --home-dir /var/lib/redial redial
COPY --from=build /redial /usr/local/bin/redial
# Whom to believe in TLS; the slim image has no certificates.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY models /usr/share/redial/models
USER 65532
WORKDIR /var/lib/redial
ENV BIND_ADDR=0.0.0.0:8080 DATA_DIR=/var/lib/redial MODELS_DIR=/usr/share/redial/models
VOLUME /var/lib/redial
# Metrics and details of readiness are on ADMIN_ADDR, inside the container unless it is set, with an ADMIN_TOKEN.
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["redial", "health"]
ENTRYPOINT ["redial"]
CMD ["serve"]
