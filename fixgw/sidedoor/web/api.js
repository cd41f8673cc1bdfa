// Requests to the exchange: signed with HMAC-SHA256 where they must be, errors as
// objects that carry the exchange's own words.

const encoder = new TextEncoder();

// A signed request is refused when its time is too far from the exchange's, or the same
// as an earlier one's: so the clock is the exchange's and never stands still.
let offsetMs = 0;
let lastMs = 0;

export function setServerTime(ns) {
  offsetMs = Math.round(ns / 1e6 - Date.now());
}

export function canSign() {
  return Boolean(globalThis.crypto && crypto.subtle);
}

export class Problem extends Error {
  constructor(status, code, message, requestId = "", extra = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.extra = extra;
  }

  // Whether the request may have been carried out all the same.
  get unknown() {
    return this.code === "NETWORK" || this.status >= 500;
  }
}

export class Credentials {
  constructor(id, secret) {
    this.id = id;
    this.secret = secret;
    this.imported = null;
  }

  async sign(method, path, query, body) {
    this.imported ??= crypto.subtle.importKey(
      "raw", encoder.encode(this.secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    lastMs = Math.max(Date.now() + offsetMs, lastMs + 1);
    const timestamp = lastMs;
    const text = [timestamp, method, path, query, body].join("\n");
    const digest = await crypto.subtle.sign("HMAC", await this.imported, encoder.encode(text));
    const signature = Array.from(new Uint8Array(digest), (byte) =>
      byte.toString(16).padStart(2, "0")).join("");
    return { timestamp, signature };
  }

  // The message that logs a WebSocket connection in.
  async login() {
    const { timestamp, signature } = await this.sign("GET", "/v1/ws", "", "");
    return { op: "auth", key: this.id, timestamp, signature };
  }
}

const TIMEOUT_MS = 10_000;

// The JSON answer. Throws Problem.
export async function request(method, path, { query = {}, body, credentials } = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (credentials) {
    const signed = await credentials.sign(method, url.pathname, url.search.slice(1), text);
    headers["FIXGW-KEY"] = credentials.id;
    headers["FIXGW-TIMESTAMP"] = String(signed.timestamp);
    headers["FIXGW-SIGNATURE"] = signed.signature;
  }
  let answer, found;
  try {
    answer = await fetch(url, {
      method, headers, body: text || undefined, cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    found = await answer.json();
  } catch {
    throw new Problem(0, "NETWORK", "The exchange did not answer.");
  }
  if (!answer.ok) {
    const { code = "UNKNOWN", message = "", request_id: id = "", ...extra } = found.error ?? {};
    throw new Problem(answer.status, code, message, id, extra);
  }
  return found;
}

// The exchange says which field of FIX is meant; here nobody asked for its number.
export function sentence(text) {
  const plain = text
    .replace(/OrderQty\(38\)/g, "the quantity")
    .replace(/Price\(44\)/g, "the price")
    .replace(/Symbol\(55\)/g, "the symbol")
    .replace(/ClOrdID\(11\)/g, "the order's identifier")
    .replace(/OrigClOrdID\(41\)/g, "the order's identifier");
  const ended = /[.!?…]$/.test(plain) ? plain : `${plain}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}
