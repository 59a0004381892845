# xalign in a container; not built by the tests. From a clone:
#   docker build -t xalign .
#   docker run --rm -i xalign align < corpus.txt > out.align
FROM python:3.11-slim
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
COPY . /src
RUN pip install --no-cache-dir '/src[tokenize]' && rm -rf /src
USER nobody
ENV XALIGN_OFFLINE=1
ENTRYPOINT ["xalign"]
CMD ["--help"]
