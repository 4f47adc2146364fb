# gscli in a container. Scenes come in and go out through /data, which is where it starts:
#
#   docker build --target cpu --tag gscli .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" gscli resample scene.ply half.ply
#   cat scene.ply | docker run --rm --interactive gscli info -
#
#   docker build --target cuda --tag gscli:cuda .
#   docker run --rm --gpus all --volume "$PWD:/data" gscli:cuda resample scene.ply half.ply --device cuda
#
# Grids are kept between runs in /cache/grids, which belongs to the user who runs it first: add
# --volume gscli-cache:/cache to keep them between containers.
# Without --user it runs as user 1000, who needs leave to write to the folder mounted at /data.

ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS source
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY gscli ./gscli
RUN python -m venv /opt/gscli
ENV PATH=/opt/gscli/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

FROM source AS build-cpu
# hadolint ignore=DL3013
RUN pip install '.[faiss,formats,usd]'

# torch brings the CUDA libraries it needs with it; the host needs only the driver and NVIDIA's container toolkit.
FROM source AS build-cuda
# hadolint ignore=DL3013
RUN pip install '.[gpu,formats,usd]'

FROM python:${PYTHON}-slim AS base
RUN useradd --create-home --uid 1000 gscli \
    && install --directory --mode 1777 /data /cache
ENV PATH=/opt/gscli/bin:$PATH GSCLI_CACHE_DIR=/cache/grids
WORKDIR /data

FROM base AS cuda
# Triton compiles a launcher for its kernels when they first run, and keeps it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility TRITON_CACHE_DIR=/cache/triton
COPY --from=build-cuda /opt/gscli /opt/gscli
RUN gscli doctor && python -c "import torch, triton"
USER 1000
ENTRYPOINT ["gscli"]
CMD ["--help"]

# Last, so that it is what a build without --target makes.
FROM base AS cpu
COPY --from=build-cpu /opt/gscli /opt/gscli
RUN gscli doctor
USER 1000
ENTRYPOINT ["gscli"]
CMD ["--help"]
