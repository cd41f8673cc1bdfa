// The WebSocket: connects, connects again, subscribes again, resumes the private
// stream where it was. Whoever listens need not know that there was a break.

import { setServerTime } from "./api.js";

const SILENCE_MS = 5000;   // heartbeats come every second
const RETRY_MS_FIRST = 500;
const RETRY_MS_MAX = 10_000;
const AGAIN_MS = 1000;

// Close codes after which trying again soon would be no use.
const SLOWLY = new Set([4001, 4002, 4004, 4005]);

export class Live extends EventTarget {
  constructor() {
    super();
    this.state = "connecting";
    this.note = "";
    this.wanted = new Map();
    this.credentials = null;
    this.place = null;
    this.socket = null;
    this.retryMs = RETRY_MS_FIRST;
    this.heardAt = 0;
    setInterval(() => this.#watch(), 1000);
    addEventListener("online", () => this.#again(0));
  }

  connect() {
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/v1/ws`);
    this.socket = socket;
    this.known = false;   // whether this connection has an account
    this.heardAt = Date.now();
    socket.onmessage = (event) => this.#take(socket, JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(socket, event);
  }

  // Follow a channel of some symbols; instead of those of the same channel before.
  follow(channel, symbols, more = {}) {
    const before = this.wanted.get(channel);
    if (before) this.#say({ op: "unsubscribe", channel });
    this.wanted.set(channel, { symbols, more });
    this.#subscribe(channel);
  }

  // Ask for a channel's snapshot again: a message of it was missing.
  again(channel) {
    this.#subscribe(channel);
  }

  // Who is asking from now on; null for nobody.
  logIn(credentials) {
    this.credentials = credentials;
    this.place = null;
    if (credentials) this.#logIn();
    else if (this.socket && this.known) this.socket.close();
  }

  #say(message) {
    if (this.state === "open") this.socket.send(JSON.stringify(message));
  }

  #subscribe(channel) {
    const { symbols, more } = this.wanted.get(channel);
    // Long lists go in parts: a message has at most 8 KiB.
    for (let start = 0; start < symbols.length; start += 100) {
      const part = symbols.slice(start, start + 100);
      this.#say({ op: "subscribe", channel, symbols: part, ...more });
    }
  }

  async #logIn() {
    if (this.state !== "open") return;
    const socket = this.socket;
    const login = await this.credentials.login();
    if (socket === this.socket) this.#say({ ...login, id: "login" });
  }

  #subscribePrivate() {
    const resume = this.place ? { epoch: this.place.epoch, after_seq: this.place.seq } : {};
    this.#say({ op: "subscribe", channel: "private", id: "private", ...resume });
  }

  #take(socket, message) {
    if (socket !== this.socket) return;
    this.heardAt = Date.now();
    const kind = message.type;
    if (kind === "welcome") {
      setServerTime(message.time_ns);
      this.retryMs = RETRY_MS_FIRST;
      this.#become("open");
      for (const channel of this.wanted.keys()) this.#subscribe(channel);
      if (this.credentials) this.#logIn();
    } else if (kind === "authenticated") {
      this.known = true;
      this.#tell("login", message);
      this.#subscribePrivate();
    } else if (kind === "error") {
      this.#refused(message);
    } else if (message.channel === "private") {
      this.#takePrivate(message);
    } else if (kind === "heartbeat") {
      this.#tell("heartbeat", message);
    } else if (message.channel && !kind.endsWith("subscribed")) {
      this.#tell(message.channel, message);
    }
  }

  #takePrivate(message) {
    if (message.type === "subscribed" || message.type === "unsubscribed") return;
    if (message.type === "snapshot" || message.type === "resumed") {
      this.place = { epoch: message.epoch, seq: message.seq };
    } else if (!this.place || message.seq !== this.place.seq + 1) {
      this.place = null;
      this.#subscribePrivate();
      return;
    } else {
      this.place.seq = message.seq;
    }
    this.#tell("private", message);
  }

  #refused(message) {
    if (message.id === "login" && message.error.code === "REPLAYED") {
      // Another tab with the same key signed in the same millisecond.
      this.#logIn();
    } else if (message.id === "login") {
      this.#tell("refused", message.error);
    } else if (message.id === "private" && message.error.code === "SHARD_UNAVAILABLE") {
      setTimeout(() => this.credentials && this.#subscribePrivate(), AGAIN_MS);
    } else {
      this.#tell("problem", message.error);
    }
  }

  #lost(socket, event) {
    if (socket !== this.socket) return;
    this.socket = null;
    const name = /^([A-Z_]+): (.*)$/.exec(event.reason);
    if (name && name[1] === "KEY_REVOKED") {
      this.#tell("refused", { code: name[1], message: `The key no longer works: ${name[2]}.` });
    }
    this.#become("lost", name ? name[2] : "");
    this.#again(SLOWLY.has(event.code) ? RETRY_MS_MAX : this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MS_MAX);
  }

  #again(delayMs) {
    if (this.socket) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), delayMs);
  }

  #watch() {
    if (this.socket && Date.now() - this.heardAt > SILENCE_MS) {
      const socket = this.socket;
      this.#lost(socket, { code: 1006, reason: "" });
      socket.close();
    }
  }

  #become(state, note = "") {
    this.state = state;
    this.note = note;
    this.#tell("state", { state, note });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
