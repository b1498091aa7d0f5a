# The default stack as a container: Debian 13, its Python 3.13, the packages of requirements.lock, this
# project. `make image` builds it; scripts/debian13.sh does the same without a container engine.
FROM debian:trixie-slim AS build
WORKDIR /opt/faceauth
COPY scripts/image.sh scripts/
RUN scripts/image.sh build-packages
COPY . .
# uv, and what it fetched, stay behind.
RUN scripts/image.sh environment && rm -rf .cache

FROM debian:trixie-slim
WORKDIR /opt/faceauth
COPY scripts/image.sh scripts/
RUN scripts/image.sh packages
COPY --from=build /opt/faceauth .
RUN scripts/image.sh user
ENV PATH=/opt/faceauth/.venv/bin:$PATH
USER faceauth
CMD ["faceauth", "--help"]
