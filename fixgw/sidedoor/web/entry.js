// Order entry: what was typed is checked here for the sake of quick hints, and judged by
// the exchange, whose words are shown as they are.

import { Problem, request, sentence } from "./api.js";
import { fixed, grouped, parse, placesOf, product, render, shown } from "./decimal.js";
import { byId, make, put, show, toast } from "./dom.js";

const ASK_AGAIN_MS = 1500;
const ASK_AGAIN_TIMES = 6;

// Which number counts in what.
const STEPS = { price: "tick", stop: "tick", qty: "lot", display: "lot" };
const NAMES = { price: "Price", stop: "Stop price", qty: "Quantity", display: "What is shown" };
const NEEDED = {
  limit: ["price", "qty"], market: ["qty"], stop: ["stop", "qty"], stop_limit: ["stop", "price", "qty"],
};
// Phases that take no orders at all.
const CLOSED = new Set(["halted", "closed", "post_close", "cancel_only"]);

export class Entry {
  constructor(session) {
    this.session = session;
    this.form = byId("entry-form");
    this.instrument = null;
    this.best = { bid: null, ask: null };
    this.busy = false;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.form.addEventListener("input", (event) => {
      if (event.target.id === "price") this.touched = true;
      this.#refresh();
    });
    byId("at-bid").addEventListener("click", () => this.setPrice(this.best.bid));
    byId("at-ask").addEventListener("click", () => this.setPrice(this.best.ask));
    for (const [id, step] of Object.entries(STEPS)) {
      byId(id).addEventListener("keydown", (event) => this.#step(event, step));
    }
    session.addEventListener("change", () => this.#refresh());
    this.#refresh();
  }

  select(instrument, reference) {
    this.instrument = instrument;
    byId("price").value = reference ? this.#price(reference) : "";
    this.touched = false;
    for (const id of ["qty", "stop", "display"]) byId(id).value = "";
    byId("qty").placeholder = `Multiples of ${instrument.lot}`;
    put(byId("currency"), instrument.currency);
    show(byId("outcome"), false);
    this.shownId = null;
    this.setBest(null, null);
    this.#refresh();
  }

  update(instrument) {
    this.instrument = instrument;
    this.#refresh();
  }

  // A price to begin with, as long as nobody has chosen one.
  suggest(price) {
    if (this.touched || !price || document.activeElement === byId("price")) return;
    this.touched = true;
    byId("price").value = this.#price(price);
    this.#refresh();
  }

  setBest(bid, ask) {
    if (this.best.bid === bid && this.best.ask === ask && this.drawn) return;
    this.drawn = true;
    this.best = { bid, ask };
    for (const [name, price] of Object.entries(this.best)) {
      put(byId(`at-${name}-price`), price ? shown(price, placesOf(this.instrument.tick)) : "–");
      byId(`at-${name}`).disabled = !price;
    }
    this.#refresh();
  }

  setPrice(price) {
    if (!price) return;
    this.touched = true;
    if (!NEEDED[this.#chosen("type")].includes("price")) this.#choose("type", "limit");
    byId("price").value = this.#price(price);
    this.#refresh();
  }

  #price(text) {
    const units = parse(text);
    return units === null ? text : fixed(units, placesOf(this.instrument.tick));
  }

  #chosen(name) {
    return this.form.elements[name].value;
  }

  #choose(name, value) {
    this.form.elements[name].value = value;
  }

  // Up and down keys move by a tick or a lot, with Shift by ten.
  #step(event, stepName) {
    const sign = { ArrowUp: 1n, ArrowDown: -1n }[event.key];
    if (!sign || !this.instrument) return;
    event.preventDefault();
    const step = parse(this.instrument[stepName]);
    const value = parse(event.target.value || "0") ?? 0n;
    const next = value + sign * step * (event.shiftKey ? 10n : 1n);
    if (next >= 0n) event.target.value = fixed(next, placesOf(this.instrument[stepName]));
    this.#refresh();
  }

  #refresh() {
    const side = this.#chosen("side");
    const type = this.#chosen("type");
    const market = type === "market";
    const priced = NEEDED[type].includes("price");
    const waits = NEEDED[type].includes("stop");
    show(byId("price-field"), priced);
    show(byId("stop-field"), waits);
    show(byId("display-field"), priced && this.#chosen("tif") !== "ioc");
    const passive = type === "limit" && this.#chosen("tif") !== "ioc";
    byId("post-only").disabled = !passive;
    byId("post-only-field").classList.toggle("muted", !passive);
    const day = this.form.querySelector('input[name="tif"][value="day"]');
    if (market && this.#chosen("tif") !== "ioc") this.#choose("tif", "ioc");
    if (!market && this.wasMarket) day.checked = true;
    this.wasMarket = market;
    if (waits && this.#chosen("tif") === "ioc") day.checked = true;
    for (const input of this.form.querySelectorAll('input[name="tif"]')) {
      input.disabled = input.value === "ioc" ? waits : market;
    }
    for (const [id, step] of Object.entries(STEPS)) {
      const asked = NEEDED[type].includes(id) || id === "display";
      const text = byId(id).value;
      this.#hint(id, asked ? this.#fault(text, parse(text), step, NAMES[id]) : "");
    }
    const price = priced ? parse(byId("price").value) : waits ? parse(byId("stop").value) : null;
    const qty = parse(byId("qty").value);
    this.#showValue(market, side, price, qty);
    this.#showButton(side, market, price, qty);
  }

  // What is wrong with a number as far as the instrument's terms tell; "" if nothing is.
  #fault(text, units, stepName, name) {
    if (!text.trim() || !this.instrument) return "";
    if (units === null) return `${name} is a decimal number with at most 8 places`;
    if (units <= 0n) return `${name} must be above zero`;
    const step = this.instrument[stepName];
    if (units % parse(step)) return `${name} must be a multiple of ${step}`;
    return "";
  }

  #hint(id, text) {
    const hint = byId(`${id}-hint`);
    put(hint, text);
    byId(id).setAttribute("aria-invalid", text ? "true" : "false");
  }

  #showValue(market, side, price, qty) {
    const from = side === "buy" ? this.best.ask : this.best.bid;
    const at = market ? from && parse(from) : price;
    const value = byId("value");
    if (!at || !qty || at <= 0n || qty <= 0n) put(value, "–");
    else put(value, `${market ? "≈ " : ""}${grouped(rounded(product(at, qty)))} ${this.instrument.currency}`);
  }

  #showButton(side, market, price, qty) {
    const button = byId("submit");
    button.classList.toggle("buy", side === "buy");
    button.classList.toggle("sell", side === "sell");
    const verb = side === "buy" ? "Buy" : "Sell";
    const halted = CLOSED.has(this.instrument?.phase);
    const away = this.instrument && !this.instrument.available;
    button.disabled = this.busy || !this.instrument || halted || away;
    if (this.busy) put(button, "Sending…");
    else if (!this.session.credentials) put(button, "Sign in to trade");
    else if (halted) put(button, this.instrument.phase === "halted" ? "Trading is halted" : "No orders in this phase");
    else if (away) put(button, "Engine unreachable");
    else {
      const amount = qty && qty > 0n ? ` ${grouped(render(qty))}` : "";
      const at = market ? " at market" : price && price > 0n ? ` @ ${grouped(this.#price(render(price)))}` : "";
      put(button, `${verb}${amount} ${this.instrument?.symbol ?? ""}${amount ? at : ""}`.trim());
    }
  }

  async #submit() {
    if (this.busy) return;
    if (!this.session.credentials) {
      this.session.ask();
      return;
    }
    const order = this.#order();
    if (!order) return;
    this.busy = true;
    this.#refresh();
    try {
      const answer = await request("POST", "/v1/orders", {
        body: order, credentials: this.session.credentials,
      });
      this.#tellDone(answer);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.unknown) await this.#findOut(order, problem);
      else this.#tellRefused(problem);
    } finally {
      this.busy = false;
      this.#refresh();
    }
  }

  // The order as it is sent, all numbers as text; null when a field needs a look.
  #order() {
    const type = this.#chosen("type");
    const display = byId("display-field").hidden ? "" : byId("display").value.trim();
    for (const id of display ? [...NEEDED[type], "display"] : NEEDED[type]) {
      const field = byId(id);
      if (!field.value.trim()) this.#hint(id, `${NAMES[id]} is missing`);
      if (field.getAttribute("aria-invalid") === "true") {
        field.focus();
        return null;
      }
    }
    const order = {
      client_order_id: newId(),
      symbol: this.instrument.symbol,
      side: this.#chosen("side"),
      type,
      time_in_force: this.#chosen("tif"),
      qty: render(parse(byId("qty").value)),
    };
    if (NEEDED[type].includes("price")) order.price = render(parse(byId("price").value));
    if (NEEDED[type].includes("stop")) order.stop_price = render(parse(byId("stop").value));
    if (display) order.display_qty = render(parse(display));
    if (byId("post-only").checked && !byId("post-only").disabled) order.post_only = true;
    return order;
  }

  // The order whose outcome is shown has changed since.
  follow(order) {
    if (order.order_id === this.shownId) this.#tellDone(order);
  }

  // No answer does not mean no order: its identifier tells.
  async #findOut(order, problem) {
    this.#tell("warn", "The outcome is not known yet", "Asking the exchange for the order…");
    for (let time = 0; time < ASK_AGAIN_TIMES; time += 1) {
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
      try {
        const path = `/v1/orders/${encodeURIComponent(order.client_order_id)}`;
        this.#tellDone(await request("GET", path, { credentials: this.session.credentials }));
        return;
      } catch (again) {
        if (!(again instanceof Problem)) throw again;
        if (again.code === "UNKNOWN_ORDER") {
          this.#tell("bad", "The order did not reach the exchange", problem.message);
          return;
        }
      }
    }
    this.#tell("bad", "The outcome is not known",
      `The exchange did not answer. Look among the open orders for ${order.client_order_id} before you send it again.`);
  }

  #tellDone(order) {
    const places = placesOf(this.instrument.tick);
    const stop = order.stop_price === null ? "" : ` at ${shown(order.stop_price, places)}`;
    const price = order.price !== null ? `@ ${shown(order.price, places)}` : stop ? "" : "at market";
    const kindOf = stop ? ` stop${stop}` : "";
    const what = `${order.side === "buy" ? "Buy" : "Sell"} ${grouped(order.qty)} ${order.symbol}${kindOf} ${price}`.trim();
    const filled = order.avg_price
      ? `${grouped(order.filled_qty)} filled at ${shown(order.avg_price, places)}` : "";
    const waits = order.triggered === false;
    const titles = {
      open: waits ? "Order waits for its stop price" : "Order is in the book",
      partially_filled: "Order is in the book, partly filled",
      filled: "Order is filled",
      cancelled: filled ? "Partly filled, the rest is cancelled" : "Order is cancelled, nothing was filled",
      rejected: "Order was refused",
      expired: "Order has expired",
    };
    const why = order.status === "rejected" || (order.status === "cancelled" && !filled);
    const text = [what, filled, why ? order.reason?.text : ""];
    const kind = order.status === "rejected" ? "bad" : order.status === "cancelled" && !filled ? "warn" : "good";
    this.#tell(kind, titles[order.status] ?? order.status, text.filter(Boolean).join(" · "));
    this.shownId = order.order_id;
  }

  #tellRefused(problem) {
    this.#tell("bad", "Order was refused", `${sentence(problem.message)} (${problem.code})`);
  }

  #tell(kind, title, text) {
    this.shownId = null;
    const box = byId("outcome");
    box.className = `outcome ${kind}`;
    box.replaceChildren(make("strong", { text: title }), make("span", { text }));
    show(box, true);
    if (box.getBoundingClientRect().width === 0) toast(`${title}. ${text}`, kind);
  }
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return "web-" + Array.from(bytes, (byte) => (byte % 36).toString(36)).join("") + Date.now().toString(36);
}

// A value in money, to the cent, cut off.
function rounded(units) {
  const text = fixed(units, 2);
  const point = text.indexOf(".");
  return units >= 10n ** 8n ? text.slice(0, point + 3) : text;
}
