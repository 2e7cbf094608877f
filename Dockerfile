# syntax=docker/dockerfile:1
#
# docker build -t verge .
# docker build -t verge --build-arg FEATURES= .        without the embedded table, for production on DynamoDB or a file
#
# docker run --read-only -p 8080:8080 -v ./verge.toml:/etc/verge/verge.toml:ro -v verge-state:/var/lib/verge verge
#
# Inside, listen on 0.0.0.0 and let paths that are written to (snapshot, embedded table) point under /var/lib/verge.

FROM rust:1-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake gcc libc6-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG FEATURES=embedded
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p verge --no-default-features --features "$FEATURES" \
 && install -D target/release/verge /out/usr/local/bin/verge \
 && install -d -o 65532 -g 65532 -m 0750 /out/var/lib/verge \
 && install -d /out/etc/verge

FROM debian:bookworm-slim
# The roots by which origins and AWS are verified.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /
USER 65532:65532
WORKDIR /var/lib/verge
VOLUME /var/lib/verge
# Traffic, and the two health paths of `[health] address = "0.0.0.0:9902"`; the admin address stays on loopback.
EXPOSE 8080 8443 9902
# Whether the configuration still reads. Whether a table is held is for the orchestrator to ask: GET /readyz on 9902.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["verge", "check", "-c", "/etc/verge/verge.toml"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["verge"]
CMD ["serve", "-c", "/etc/verge/verge.toml"]
