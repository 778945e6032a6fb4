# Rowpost for those who host it themselves: the app of Azure, run by standalone/. See docs/install.md.
FROM python:3.12-slim-bookworm AS packages
WORKDIR /packages
COPY requirements-container.txt ./
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements-container.txt

FROM python:3.12-slim-bookworm
# The driver manager; Microsoft's ODBC Driver 18 itself came with the Python packages.
RUN apt-get update \
    && apt-get install -y --no-install-recommends unixodbc libgssapi-krb5-2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /data rowpost
COPY --from=packages /venv /venv
WORKDIR /app
COPY function_app.py host.json ./
COPY functions functions
COPY shared shared
COPY sql sql
COPY standalone standalone
COPY templates templates
COPY console console
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ROWPOST_HOST=0.0.0.0 \
    ROWPOST_PORT=7071 \
    ROWPOST_DATA=/data \
    ROWPOST_CATCHER_PORT=off
USER rowpost
VOLUME /data
EXPOSE 7071
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['ROWPOST_PORT']}/health\", timeout=10)"]
# SIGTERM: what is being sent is finished, the rest given back, within 10 seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "standalone"]
