# The server with its retraining. compose.yaml runs it beside PostgreSQL; alone it keeps its log of predictions in /data too:
#
#   docker build -t visionbook .
#   docker run --init -p 127.0.0.1:5000:5000 -v visionbook:/data -e ADMIN_TOKEN=… visionbook
#
# Every command of the command line is there: docker run … visionbook prepare food.

FROM node:20-bookworm-slim AS build
# Debian's release is pinned and not its packages, whose old versions go when security updates come.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
# What the set-up reads, and no more: a change elsewhere does not repeat it.
COPY package.json package-lock.json .npmrc requirements.txt ./
COPY lib/setup.mjs lib/setup.mjs
COPY lib/setup lib/setup
# On a person's machine the set-up goes on where a step is not possible; an image without native TensorFlow is none that anybody wants.
RUN { node lib/setup.mjs && test ! -e .setup.failed.json; } || { cat .setup.log; exit 1; }
# Without what only development needs, ONNX Runtime for other platforms, and Python: TensorFlow's two libraries move from its wheel to where the
# binding looks for them.
RUN npm prune --omit=dev \
 && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -not -path "*/$(node -p 'process.platform + "/" + process.arch')" -exec rm -r {} + \
 && deps=node_modules/@tensorflow/tfjs-node/deps \
 && for library in "$deps"/lib/*.so.2; do cp --remove-destination "$(realpath "$library")" "$library"; done \
 && rm "$deps"/include "$deps"/lib/*.so

FROM node:20-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=5000 VISIONBOOK_HOME=/data
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY package.json package-lock.json tsconfig.json ./
COPY lib lib
# The set-up, which looks after what is missing before every command, takes a .venv that is a link for somebody else's.
RUN ln -s /nonexistent .venv \
 && install --directory --owner=1000 --group=1000 /data \
 && node -e "require('@tensorflow/tfjs-node')"
# The user node of the base image, as a number, which Kubernetes can tell from root.
USER 1000:1000
VOLUME /data
EXPOSE 5000
STOPSIGNAL SIGTERM
# Healthy is a server that answers, even before there is a model and while the database is away: no restart would help it to either.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node is told of SIGTERM itself, with no shell or npm between. As process 1 it would not bury the orphans of a retraining that was killed: run it with
# --init.
ENTRYPOINT ["node", "lib/launch.cjs"]
CMD ["serve"]
