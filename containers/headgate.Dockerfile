# headgate, to copy into the image of an application and for jobs beside it (docs/images.md):
#   docker build -f containers/headgate.Dockerfile -t headgate .
#   docker run --rm -e DATABASE_URL headgate status
# It runs in every image whose glibc is as new as BASE_IMAGE's or newer: Debian 12, Ubuntu 22.04 and later.
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
# TREE: a folder of the build context that holds what `make install DESTDIR=TREE PREFIX=/opt/headgate` made
# on a machine like BASE_IMAGE; then nothing is compiled or fetched here.
ARG TREE=
WORKDIR /src
RUN [ -n "$TREE" ] || { apt-get -qq update && apt-get -qq install -y --no-install-recommends \
        gcc make pkg-config libc6-dev libpq-dev libcurl4-openssl-dev libjansson-dev libarchive-dev \
        libyaml-dev libssl-dev zlib1g-dev libzstd-dev musl-tools ca-certificates > /dev/null; }
COPY . .
# What writes revisions, and what talks to another container's engine, has no place in an image.
RUN if [ -n "$TREE" ]; then mkdir /out && cp -R "$TREE/." /out; else \
        scripts/static-libpq --fetch && make -j"$(nproc)" install DESTDIR=/out PREFIX=/opt/headgate && \
        strip /out/opt/headgate/bin/* /out/opt/headgate/libexec/headgate/*; fi && \
    cd /out/opt/headgate && rm -rf share && cd libexec/headgate && \
    rm -f headgate-new headgate-postgres headgate-exec headgate-relay.* headgate-source-container \
        headgate-source-files headgate-source-tunnel headgate-source-tls

FROM ${BASE_IMAGE}
# All that the programs load beside libc is OpenSSL, and only where a database or an API wants TLS.
RUN [ -e /etc/ssl/certs/ca-certificates.crt ] || { apt-get -qq update && \
        apt-get -qq install -y --no-install-recommends ca-certificates > /dev/null && \
        rm -rf /var/lib/apt/lists/*; }
COPY --from=build /out/opt/headgate /opt/headgate
ENV PATH=/opt/headgate/bin:$PATH
# By number, so that Kubernetes can tell that it is not root; it needs no home and writes nothing.
USER 65532:65532
ENTRYPOINT ["headgate"]
CMD ["--help"]
