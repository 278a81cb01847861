// Published clients sign: takes a JSON list of orders on standard input, writes the list of signed requests.
//
// An order: {client, access_key, secret_key, session_token?, region, service, method, host, path, query, headers,
//            body, bucket, key, expires}
//   path     percent-encoded, as it goes over the wire      query    [[name, value], …], not encoded
//   headers  {name: value}                                  body     base64, or null
// A signed request: {method, target, headers: [[name, value], …], body}, or {error}. Nothing is sent anywhere.

import { EventEmitter } from "node:events";
import { webcrypto } from "node:crypto";
import { text } from "node:stream/consumers";
import { Sha256 } from "@aws-crypto/sha256-js";
import { S3RequestPresigner } from "@aws-sdk/s3-request-presigner";
import { HttpRequest } from "@smithy/protocol-http";
import { buildQueryString } from "@smithy/querystring-builder";
import { SignatureV4 } from "@smithy/signature-v4";
import { SignatureV4a } from "@smithy/signature-v4a";
import aws4 from "aws4";
import * as minio from "minio";

globalThis.crypto ??= webcrypto; // Node 18 keeps it elsewhere, and aws4fetch looks for it here
const { AwsV4Signer } = await import("aws4fetch");

const bytes = (order) => (order.body === null ? undefined : Buffer.from(order.body, "base64"));
const pairs = (headers) => Object.entries(headers).map(([name, value]) => [name, String(value)]);
const encode = (value) =>
  encodeURIComponent(value).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
const spelt = (query) => query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
const target = (order) => (order.query.length ? `${order.path}?${spelt(order.query)}` : order.path);

// --- AWS SDK for JavaScript, version 3 ---

function smithyOptions(order) {
  const s3 = order.service === "s3";
  return {
    credentials: {
      accessKeyId: order.access_key,
      secretAccessKey: order.secret_key,
      sessionToken: order.session_token,
    },
    region: order.region,
    service: order.service,
    sha256: Sha256,
    uriEscapePath: !s3,
    applyChecksum: s3,
  };
}

function smithyRequest(order) {
  const query = {};
  for (const [name, value] of order.query) {
    query[name] = name in query ? [query[name], value].flat() : value;
  }
  const [hostname, port] = order.host.split(":");
  return new HttpRequest({
    protocol: "https:",
    method: order.method,
    hostname,
    port: port && Number(port),
    path: order.path,
    query,
    headers: { host: order.host, ...order.headers },
    body: bytes(order),
  });
}

function smithyWire(request) {
  const query = buildQueryString(request.query);
  return {
    method: request.method,
    target: query ? `${request.path}?${query}` : request.path,
    headers: pairs(request.headers),
  };
}

const smithy = (Signer, method) => async (order) => {
  const options = method === "presign" ? [{ expiresIn: order.expires }] : [];
  return smithyWire(await new Signer(smithyOptions(order))[method](smithyRequest(order), ...options));
};

// --- minio ---

// What minio would talk through: it notes each request and answers 200.
class Listener {
  request(options, answered) {
    this.heard = options;
    const answer = Object.assign(new EventEmitter(), { statusCode: 200, headers: {}, resume() {} });
    return Object.assign(new EventEmitter(), { write() {}, end: () => queueMicrotask(() => answered(answer)) });
  }
}

function minioClient(order, transport) {
  const [endPoint, port] = order.host.split(":");
  return new minio.Client({
    endPoint,
    port: port && Number(port),
    useSSL: false,
    region: order.region,
    accessKey: order.access_key,
    secretKey: order.secret_key,
    sessionToken: order.session_token,
    transport,
  });
}

async function minioHeader(order) {
  const listener = new Listener();
  const options = {
    method: order.method,
    bucketName: order.bucket,
    objectName: order.key,
    headers: { ...order.headers },
    query: spelt(order.query),
  };
  await minioClient(order, listener).makeRequestAsync(options, bytes(order) ?? "", [200], order.region);
  const { method, path, headers } = listener.heard;
  return { method, target: path, headers: pairs(headers) };
}

async function minioQuery(order) {
  const parameters = Object.fromEntries(order.query);
  const url = await minioClient(order).presignedUrl(order.method, order.bucket, order.key, order.expires, parameters);
  return { method: order.method, target: rest(url), headers: [["host", order.host]] };
}

async function minioPost(order) {
  const client = minioClient(order);
  const policy = client.newPostPolicy();
  policy.setBucket(order.bucket);
  policy.setKey(order.key);
  policy.setExpires(new Date(Date.now() + order.expires * 1000));
  const { formData } = await client.presignedPostPolicy(policy);
  return { method: "POST", target: `/${order.bucket}`, headers: [["host", order.host]], form: formData };
}

// --- aws4 and aws4fetch ---

async function aws4Header(order, signQuery = false) {
  const options = {
    service: order.service,
    region: order.region,
    method: order.method,
    host: order.host,
    path: target(order),
    headers: { Host: order.host, ...order.headers },
    body: bytes(order),
    signQuery,
  };
  const credentials = {
    accessKeyId: order.access_key,
    secretAccessKey: order.secret_key,
    sessionToken: order.session_token,
  };
  const signed = aws4.sign(options, credentials);
  return { method: signed.method, target: signed.path, headers: pairs(signed.headers) };
}

async function aws4fetchHeader(order, signQuery = false) {
  const signer = new AwsV4Signer({
    method: order.method,
    url: `https://${order.host}${target(order)}`,
    headers: order.headers,
    body: bytes(order),
    accessKeyId: order.access_key,
    secretAccessKey: order.secret_key,
    sessionToken: order.session_token,
    service: order.service,
    region: order.region,
    signQuery,
  });
  const { method, url, headers } = await signer.sign();
  return { method, target: rest(url.href), headers: [["host", order.host], ...headers.entries()] };
}

const rest = (url) => url.slice(url.indexOf("/", "https://".length));

const CLIENTS = {
  "smithy-header": smithy(SignatureV4, "sign"),
  "smithy-query": smithy(SignatureV4, "presign"),
  "smithy-v4a-header": smithy(SignatureV4a, "sign"),
  "aws-sdk-query": async (order) =>
    smithyWire(
      await new S3RequestPresigner(smithyOptions(order)).presign(smithyRequest(order), { expiresIn: order.expires }),
    ),
  "minio-js-header": minioHeader,
  "minio-js-query": minioQuery,
  "minio-js-post": minioPost,
  "aws4-header": (order) => aws4Header(order),
  "aws4-query": (order) => aws4Header(order, true),
  "aws4fetch-header": (order) => aws4fetchHeader(order),
  "aws4fetch-query": (order) => aws4fetchHeader(order, true),
};

const answers = [];
for (const order of JSON.parse(await text(process.stdin))) {
  try {
    answers.push(await CLIENTS[order.client](order));
  } catch (error) {
    answers.push({ error: `${error.name}: ${error.message}` });
  }
}
process.stdout.write(JSON.stringify(answers));
