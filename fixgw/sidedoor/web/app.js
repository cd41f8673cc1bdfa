// The page: puts its parts together and tells each what concerns it.

import { Problem, request, sentence } from "./api.js";
import { BookView } from "./book.js";
import { ChartView } from "./chart.js";
import { compact, placesOf, shown } from "./decimal.js";
import { byId, put, show, toast } from "./dom.js";
import { Entry } from "./entry.js";
import { InstrumentList, direction, phaseText, signed } from "./instruments.js";
import { Live } from "./live.js";
import { OwnOrders } from "./own.js";
import { Session } from "./session.js";
import { TapeView } from "./tape.js";

const FOLLOWED_MAX = 400;   // in two channels; a connection has at most 500 subscriptions
const RETRY_MS = 2000;
const CANDLES = 1000;
const SELECTED = "fixgw-symbol";

const instruments = new Map();
const tickers = new Map();
let symbol = null;
let shardsReached = null;
let intervalS = 60;
let waiting = [];   // trades that came while candles were under way; null: none are

const session = new Session();
const live = new Live();
const chart = new ChartView();
const tape = new TapeView();
const entry = new Entry(session);
const list = new InstrumentList((chosen) => {
  select(chosen);
  drawer(false);
});
const book = new BookView(
  (price) => {
    entry.setPrice(price);
    if (document.body.dataset.panel === "book") panel("entry");
  },
  () => live.again("book"),
);
const own = new OwnOrders(session, (name) => ({
  tick: "0.01", lot: "1", currency: "", ...instruments.get(name), last: tickers.get(name)?.last ?? null,
}));
own.onOrders = () => book.mark(own.prices(symbol));
own.onOrder = (order) => entry.follow(order);

// -- what the exchange says ---------------------------------------------------------------

live.addEventListener("state", ({ detail: { state, note } }) => {
  const box = byId("connection");
  box.dataset.state = state;
  put(byId("connection-text"), { connecting: "Connecting", open: "Live", lost: "Reconnecting" }[state]);
  box.title = note;
  document.body.classList.toggle("stale", state === "lost");
});
live.addEventListener("heartbeat", ({ detail }) => {
  const away = detail.shards.filter((shard) => !shard.available);
  byId("connection").dataset.state = away.length ? "partial" : "open";
  put(byId("connection-text"), away.length ? "Partly live" : "Live");
  byId("connection").title = away.map((shard) => `Shard ${shard.shard} cannot be reached`).join(", ");
  const reached = detail.shards.filter((shard) => shard.available).length;
  if (reached !== shardsReached) loadInstruments();
  shardsReached = reached;
});
live.addEventListener("instruments", ({ detail }) => {
  instruments.set(detail.symbol, detail);
  list.setInstrument(detail);
  if (detail.symbol === symbol) {
    entry.update(detail);
    showStatus();
  }
});
live.addEventListener("ticker", ({ detail }) => {
  const before = tickers.get(detail.symbol);
  tickers.set(detail.symbol, detail);
  list.setTicker(detail);
  if (own.positions.has(detail.symbol)) own.draw();
  if (detail.symbol === symbol) showTicker(detail, before);
});
live.addEventListener("book", ({ detail }) => {
  if (detail.symbol === symbol) book.take(detail);
});
live.addEventListener("trades", ({ detail }) => {
  if (detail.symbol !== symbol) return;
  const news = tape.take(detail);
  if (detail.type === "snapshot") loadCandles();
  else if (waiting) waiting.push(...news);
  else news.forEach((trade) => chart.add(trade));
});
live.addEventListener("login", ({ detail }) => session.accept(detail));
live.addEventListener("refused", ({ detail }) => session.refuse(detail));
live.addEventListener("private", ({ detail }) => own.take(detail));
live.addEventListener("problem", ({ detail }) => toast(`${sentence(detail.message)} (${detail.code})`, "bad"));

let known = null;
session.addEventListener("change", () => {
  if (session.credentials === known) {
    own.draw();
    return;
  }
  known = session.credentials;
  own.clear();
  live.logIn(known);
});

// -- what is shown of the chosen instrument -----------------------------------------------

function select(chosen) {
  if (!instruments.has(chosen) || chosen === symbol) return;
  symbol = chosen;
  const instrument = instruments.get(chosen);
  const ticker = tickers.get(chosen);
  sessionStorage.setItem(SELECTED, chosen);
  list.select(chosen);
  put(byId("symbol"), chosen);
  put(byId("pick-symbol"), chosen);
  document.title = `${chosen} · fixgw`;
  book.clear(instrument);
  book.setLast(null);
  tape.clear(instrument);
  chart.clear(instrument, intervalS);
  waiting = [];
  entry.select(instrument, ticker?.last ?? instrument.reference_price);
  showStatus();
  if (ticker) showTicker(ticker);
  else for (const id of ["last", "high", "low", "volume", "bid", "ask"]) put(byId(id), "–");
  book.mark(own.prices(chosen));
  if (!ticker && live.wanted.size) {
    // Beyond the list's first instruments nothing is followed but the chosen one.
    for (const channel of ["ticker", "instruments"]) {
      const { symbols } = live.wanted.get(channel);
      if (!symbols.includes(chosen)) live.follow(channel, [...symbols, chosen]);
    }
  }
  live.follow("book", [chosen], { depth: 100 });
  live.follow("trades", [chosen]);
}

function showStatus() {
  const instrument = instruments.get(symbol);
  const phase = phaseText(instrument.phase);
  put(byId("phase"), phase);
  show(byId("phase"), phase !== "");
  show(byId("unavailable"), !instrument.available);
}

function showTicker(ticker, before) {
  const places = placesOf(instruments.get(symbol).tick);
  const price = (text) => (text === null ? "–" : shown(text, places));
  put(byId("last"), price(ticker.last));
  const moved = before && before.last !== null && ticker.last !== null
    ? Number(ticker.last) - Number(before.last) : 0;
  if (moved) {
    const kind = moved > 0 ? "up" : "down";
    byId("last").className = "last " + kind;
    book.setLast(ticker.last, kind);
  } else if (book.last !== ticker.last) {
    byId("last").className = "last " + direction(ticker.change_24h);
    book.setLast(ticker.last, direction(ticker.change_24h));
  }
  const change = byId("change");
  put(change, ticker.change_24h === null
    ? "" : `${signed(shown(ticker.change_24h, places))} (${signed(ticker.change_percent_24h)}%)`);
  change.className = "change " + direction(ticker.change_24h);
  put(byId("high"), price(ticker.high_24h));
  put(byId("low"), price(ticker.low_24h));
  put(byId("volume"), compact(ticker.volume_24h));
  put(byId("bid"), price(ticker.bid));
  put(byId("ask"), price(ticker.ask));
  entry.setBest(ticker.bid, ticker.ask);
  entry.suggest(ticker.last ?? ticker.bid ?? ticker.ask);
  if (ticker.last) document.title = `${price(ticker.last)} ${symbol} · fixgw`;
}

// Candles come by request, trades by stream: those that came meanwhile are put on top.
async function loadCandles() {
  const wanted = symbol;
  const length = intervalS;
  waiting = [];
  try {
    const { candles } = await request("GET", `/v1/candles/${encodeURIComponent(wanted)}`, {
      query: { interval_s: length, limit: CANDLES },
    });
    if (wanted !== symbol || length !== intervalS) return;
    chart.load(candles);
    for (const trade of waiting) chart.add(trade);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (wanted !== symbol || length !== intervalS) return;
    if (problem.unknown || problem.status === 429) {
      setTimeout(loadCandles, RETRY_MS);
      return;
    }
    chart.load([]);
    for (const trade of waiting) chart.add(trade);
  }
  waiting = null;
}

// -- the page itself ----------------------------------------------------------------------

function drawer(open) {
  document.body.classList.toggle("choosing", open);
  byId("pick").setAttribute("aria-expanded", String(open));
  if (open) byId("filter").focus();
}

function panel(name) {
  document.body.dataset.panel = name;
  for (const button of document.querySelectorAll(".bottom button")) {
    if (button.dataset.panel === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
}

byId("pick").addEventListener("click", () => drawer(!document.body.classList.contains("choosing")));
byId("close-instruments").addEventListener("click", () => {
  drawer(false);
  byId("pick").focus();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("choosing")) {
    drawer(false);
    byId("pick").focus();
  }
});
for (const button of document.querySelectorAll(".bottom button")) {
  button.addEventListener("click", () => panel(button.dataset.panel));
}
for (const button of document.querySelectorAll("#intervals button")) {
  button.addEventListener("click", () => {
    intervalS = Number(button.dataset.interval);
    for (const other of document.querySelectorAll("#intervals button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    chart.clear(instruments.get(symbol), intervalS);
    loadCandles();
  });
}

// A shard's instruments are known once it has been reached: the list may grow.
async function loadInstruments() {
  let found;
  try {
    found = (await request("GET", "/v1/instruments")).instruments;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    setTimeout(loadInstruments, RETRY_MS);
    return;
  }
  if (found.every((instrument) => instruments.has(instrument.symbol))) return;
  for (const instrument of found) instruments.set(instrument.symbol, instrument);
  list.load(found);
  for (const ticker of tickers.values()) list.setTicker(ticker);
  const symbols = found.slice(0, FOLLOWED_MAX / 2).map((instrument) => instrument.symbol);
  live.follow("ticker", symbols);
  live.follow("instruments", symbols);
  list.select(symbol);
  if (symbol === null) select(firstSymbol(symbols));
}

// The one in the address, the one of last time, or the first there is.
function firstSymbol(symbols) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const wished = [fragment.get("symbol"), sessionStorage.getItem(SELECTED), symbols[0]];
  return wished.find((name) => instruments.has(name));
}

session.restore();
loadInstruments();
live.connect();
