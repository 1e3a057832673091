# The hub as an image: one for web processes, workers and commands. compose.yaml starts them.
#
#   docker build -t whatsapp-hub .
#
# BASE is any Debian 12 or newer with apt: the image takes Python and the driver's library from Debian.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        python3 python3-venv python3-dev gcc libc6-dev pkg-config default-libmysqlclient-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/whatsapp-hub
COPY requirements.txt ./
COPY requirements requirements
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        -r requirements.txt -r requirements/celery.txt -r requirements/s3.txt -r requirements/mcp.txt
COPY . .
RUN .venv/bin/python -m compileall -q -x '/tests/' .

FROM ${BASE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 libmariadb3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 hub \
    && useradd --system --uid 10001 --gid hub --no-create-home --home-dir /var/lib/whatsapp-hub hub \
    && install -d -o hub -g hub -m 700 /var/lib/whatsapp-hub
COPY --from=build /srv/whatsapp-hub /srv/whatsapp-hub
WORKDIR /srv/whatsapp-hub
# The root may be read-only: the hub writes to VAR_DIR, and temporary files to /tmp.
ENV PATH=/srv/whatsapp-hub/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VAR_DIR=/var/lib/whatsapp-hub \
    BIND=0.0.0.0 \
    PORT=8000 \
    SIMULATOR=off
USER hub
VOLUME /var/lib/whatsapp-hub
EXPOSE 8000
# Of web processes. compose.yaml switches it off for the others.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "-c", "python:whatsapp_hub.web"]
