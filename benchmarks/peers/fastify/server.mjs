// fastify before the upstream: an API key and a fixed-window limit checked in Redis by one script call, then forwarded
// with keep-alive. FORWARD_BY=reply-from is the framework's own forwarder; undici is the client below it, used bare.
import replyFrom from "@fastify/reply-from";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { Pool } from "undici";

const { PORT, REDIS_URL, UPSTREAM, FORWARD_BY } = process.env;
const CONNECTIONS = { connections: 64, pipelining: 1 };
const NOT_FORWARDED = new Set(["connection", "keep-alive", "transfer-encoding", "host", "content-length", "x-api-key"]);

// Without: -1 for an unknown key, else how many calls are left in this minute, below -1 where there are none.
const ADMIT = `
  local limit = tonumber(redis.call("HGET", KEYS[1], "per_minute"))
  if not limit then return -1 end
  local calls = redis.call("INCR", KEYS[2])
  if calls == 1 then redis.call("EXPIRE", KEYS[2], 60) end
  if calls > limit then return -2 end
  return limit - calls
`;

const redis = new Redis(REDIS_URL, { enableAutoPipelining: true });
redis.defineCommand("admit", { numberOfKeys: 2, lua: ADMIT });

const app = Fastify({ logger: false });
app.get("/ping", async () => "ok");
app.removeAllContentTypeParsers();
if (FORWARD_BY === "reply-from") await forwardByReplyFrom();
else forwardByUndici();
await app.listen({ port: Number(PORT), host: "127.0.0.1" });

async function admitted(request, reply) {
  const key = request.headers["x-api-key"];
  if (!key) return reply.code(401).send({ code: "unauthenticated" });
  const left = await redis.admit(`key:${key}`, `calls:${key}`);
  if (left === -1) return reply.code(401).send({ code: "invalid_api_key" });
  if (left < -1) return reply.code(429).send({ code: "rate_limited" });
}

async function forwardByReplyFrom() {
  await app.register(replyFrom, { base: UPSTREAM, undici: CONNECTIONS });
  app.addContentTypeParser("*", (request, payload, done) => done(null, payload));
  const withoutKey = (request, { "x-api-key": key, ...headers }) => headers;
  const how = { rewriteRequestHeaders: withoutKey };
  app.all("/*", { onRequest: admitted }, (request, reply) => reply.from(request.raw.url, how));
}

function forwardByUndici() {
  const upstream = new Pool(UPSTREAM, CONNECTIONS);
  app.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => done(null, body));
  app.all("/*", { onRequest: admitted }, async (request, reply) => {
    const { method, body, raw, headers } = request;
    const answer = await upstream.request({ method, path: raw.url, headers: forwarded(headers), body });
    return reply.code(answer.statusCode).headers(forwarded(answer.headers)).send(answer.body);
  });
}

function forwarded(headers) {
  const kept = {};
  for (const name in headers) if (!NOT_FORWARDED.has(name)) kept[name] = headers[name];
  return kept;
}
