# The page and the service on a CPU; docs/SERVE.md says how for CUDA.
FROM python:3.11-slim

# What is installed: for the neural engine add `neural`.
ARG EXTRAS=fast,heic,web,batch,serve
# Where torch comes from, for the neural engine on a GPU.
ARG TORCH_INDEX=

WORKDIR /opt/openportrait
COPY pyproject.toml constraints.txt MANIFEST.in README.md LICENSE NOTICE ./
COPY src src
RUN pip install --no-cache-dir --constraint constraints.txt \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[$EXTRAS]"

RUN useradd --create-home openportrait && mkdir /data && chown openportrait /data
USER openportrait
WORKDIR /data
VOLUME /data
EXPOSE 8890 8891
ENTRYPOINT ["openportrait"]
CMD ["serve", "--host", "0.0.0.0", "--folder", "/data/jobs"]
