// The account's open orders, fills and positions, kept by the private stream.

import { Problem, request, sentence } from "./api.js";
import { fixed, grouped, parse, placesOf, render, shown } from "./decimal.js";
import { byId, dateAndTime, make, perFrame, put, show, timeOfDay, toast } from "./dom.js";

const FILLS_KEPT = 200;
const LIVE = new Set(["open", "partially_filled"]);
const DAY_MS = 86_400_000;
const GATHER_MS = 700;

export class OwnOrders {
  constructor(session, describe) {
    this.session = session;
    this.describe = describe;   // symbol -> {tick, lot, currency, last}
    this.onOrders = () => {};
    this.onOrder = () => {};
    this.draw = perFrame(() => this.#draw());
    this.orderTable = new Table(byId("own-orders"), [
      ["Time", "time wide"], ["Symbol", "symbol"], ["Side", "side"], ["Price", "number"],
      ["Quantity", "number"], ["Filled", "number wide"], ["In force", "wide"], ["", "action"],
    ]);
    this.fillTable = new Table(byId("own-fills"), [
      ["Time", "time"], ["Symbol", "symbol"], ["Side", "side"], ["Price", "number"],
      ["Quantity", "number"], ["Liquidity", "wide"], ["Trade", "wide number"],
    ]);
    this.positionTable = new Table(byId("own-positions"), [
      ["Symbol", "symbol"], ["Net", "number"], ["Bought", "number wide"], ["Sold", "number wide"],
      ["Last", "number wide"], ["Profit", "number"],
    ]);
    this.#listen();
    this.clear();
  }

  clear() {
    this.orders = new Map();
    this.fills = [];
    this.positions = new Map();
    this.cancelling = new Set();
    this.untold = new Map();
    this.draw();
  }

  take(message) {
    if (message.type === "snapshot") {
      // Pages of one snapshot have one number; the first of them begins anew.
      if (!this.paging) this.orders = new Map();
      this.paging = message.more;
      for (const order of message.orders) this.orders.set(order.order_id, order);
      if (!message.more) {
        this.positions = new Map(message.positions.map((position) => [position.symbol, position]));
        this.#loadFills();
      }
    } else if (message.type === "order") {
      this.#takeOrder(message.order);
    } else if (message.type === "fill") {
      this.#takeFill(message.fill);
    }
    this.draw();
  }

  #takeOrder(order) {
    this.onOrder(order);
    if (LIVE.has(order.status)) {
      this.orders.set(order.order_id, order);
      return;
    }
    const known = this.orders.delete(order.order_id);
    this.cancelling.delete(order.order_id);
    if (known && order.status === "expired") toast(`${label(order)} has expired.`, "warn");
    if (known && order.status === "cancelled" && order.reason?.code === "CANCELLED_BY_EXCHANGE") {
      toast(`${label(order)} was cancelled by the exchange.`, "warn");
    }
  }

  #takeFill(fill) {
    const place = this.fills.findIndex((other) => other.exec_id === fill.exec_id);
    if (place >= 0 || fill.state !== "valid") {
      // The exchange has corrected or cancelled it: positions are asked for anew.
      if (place >= 0) this.fills[place] = fill;
      this.#loadPositions();
      return;
    }
    this.fills.unshift(fill);
    this.fills.length = Math.min(this.fills.length, FILLS_KEPT);
    this.#addToPosition(fill);
    // Who took from the book was told by the answer; who rested in it hears it here.
    if (fill.liquidity !== "taker") this.#tellFill(fill);
  }

  // Fills of one order and price in quick succession are one note.
  #tellFill(fill) {
    const key = `${fill.order_id} ${fill.price}`;
    const waiting = this.untold.get(key);
    if (waiting) {
      waiting.qty += parse(fill.qty);
      return;
    }
    this.untold.set(key, { qty: parse(fill.qty) });
    setTimeout(() => {
      const { qty } = this.untold.get(key);
      this.untold.delete(key);
      const places = placesOf(this.describe(fill.symbol).tick);
      const verb = fill.side === "buy" ? "Bought" : "Sold";
      toast(`${verb} ${grouped(render(qty))} ${fill.symbol} at ${shown(fill.price, places)}`, fill.side);
    }, GATHER_MS);
  }

  #addToPosition(fill) {
    const before = this.positions.get(fill.symbol) ?? {
      symbol: fill.symbol, net_qty: "0", bought_qty: "0", sold_qty: "0",
      bought_notional: "0", sold_notional: "0",
    };
    const bought = fill.side === "buy";
    const qty = parse(fill.qty);
    const after = { ...before };
    after.net_qty = render(parse(before.net_qty) + (bought ? qty : -qty));
    const name = bought ? "bought" : "sold";
    after[`${name}_qty`] = render(parse(before[`${name}_qty`]) + qty);
    after[`${name}_notional`] = wide.add(before[`${name}_notional`], wide.product(fill.price, fill.qty));
    this.positions.set(fill.symbol, after);
  }

  async #loadPositions() {
    const credentials = this.session.credentials;
    if (!credentials) return;
    try {
      const { positions } = await request("GET", "/v1/positions", { credentials });
      if (credentials !== this.session.credentials) return;
      this.positions = new Map(positions.map((position) => [position.symbol, position]));
      this.draw();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      toast(`Positions could not be loaded: ${sentence(problem.message)}`, "bad");
    }
  }

  async #loadFills() {
    const credentials = this.session.credentials;
    if (!credentials) return;
    try {
      const { fills } = await request("GET", "/v1/fills", { query: { limit: 100 }, credentials });
      if (credentials !== this.session.credentials) return;
      const known = new Set(fills.map((fill) => fill.exec_id));
      // What came while the question was under way is newer than the answer.
      const newer = this.fills.filter((fill) => !known.has(fill.exec_id)
        && (!fills.length || fill.time_ns >= fills[0].time_ns));
      this.fills = newer.concat(fills).slice(0, FILLS_KEPT);
      this.draw();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      toast(`Fills could not be loaded: ${sentence(problem.message)}`, "bad");
    }
  }

  async cancel(order) {
    this.cancelling.add(order.order_id);
    this.draw();
    try {
      await request("DELETE", `/v1/orders/${encodeURIComponent(order.client_order_id)}`, {
        credentials: this.session.credentials,
      });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      toast(`${label(order)} was not cancelled: ${sentence(problem.message)}`, "bad");
    } finally {
      this.cancelling.delete(order.order_id);
      this.draw();
    }
  }

  async cancelAll() {
    const button = byId("cancel-all");
    button.disabled = true;
    try {
      const done = await request("DELETE", "/v1/orders", { credentials: this.session.credentials });
      toast(`${done.cancelled.length} order(s) cancelled.`, "good");
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      toast(`Orders were not cancelled: ${sentence(problem.message)}`, "bad");
    } finally {
      button.disabled = false;
    }
  }

  // Prices of open orders of a symbol, for the book to mark.
  prices(symbol) {
    const found = [...this.orders.values()].filter((order) => order.symbol === symbol);
    // What waits for its stop price or is priced by the exchange is elsewhere.
    return new Set(found.map((order) => (order.triggered === false ? null : order.pegged_price ?? order.price)));
  }

  #draw() {
    const signedIn = Boolean(this.session.credentials);
    const orders = [...this.orders.values()].sort((one, other) => other.created_ns - one.created_ns);
    put(byId("orders-count"), String(orders.length));
    put(byId("own-count"), String(orders.length));
    show(byId("own-count"), orders.length > 0);
    show(byId("cancel-all"), orders.length > 1 && !byId("own-orders").hidden);
    const nobody = "Sign in to see your orders.";
    this.orderTable.write(orders, (order) => order.order_id, (order) => this.#orderCells(order),
      signedIn ? "No open orders." : nobody, (order) => this.#cancelButton(order));
    this.fillTable.write(this.fills, (fill) => fill.exec_id, (fill) => this.#fillCells(fill),
      signedIn ? "No fills yet." : nobody);
    const positions = [...this.positions.values()].sort((one, other) => (one.symbol < other.symbol ? -1 : 1));
    this.positionTable.write(positions, (position) => position.symbol,
      (position) => this.#positionCells(position), signedIn ? "No positions." : nobody);
    this.onOrders();
  }

  #orderCells(order) {
    const { tick } = this.describe(order.symbol);
    return [
      [when(order.created_ns)], [order.symbol], [order.side === "buy" ? "Buy" : "Sell", order.side],
      [priceText(order, placesOf(tick))],
      [order.filled_qty === "0" ? grouped(order.qty) : `${grouped(order.leaves_qty)} of ${grouped(order.qty)}`],
      [grouped(order.filled_qty)],
      [order.time_in_force === "day" ? "Day" : order.time_in_force.toUpperCase()],
    ];
  }

  #cancelButton(order) {
    const button = make("button", { type: "button", className: "button quiet small", text: "Cancel" });
    button.addEventListener("click", () => this.cancel(this.orders.get(order.order_id) ?? order));
    return {
      element: button,
      update: () => {
        const busy = this.cancelling.has(order.order_id);
        button.disabled = busy;
        put(button, busy ? "Cancelling…" : "Cancel");
        button.setAttribute("aria-label", `Cancel ${label(order)}`);
      },
    };
  }

  #fillCells(fill) {
    return [
      [when(fill.time_ns)], [fill.symbol], [fill.side === "buy" ? "Buy" : "Sell", fill.side],
      [shown(fill.price, placesOf(this.describe(fill.symbol).tick))], [grouped(fill.qty)],
      [fill.state === "valid" ? fill.liquidity[0].toUpperCase() + fill.liquidity.slice(1)
        : fill.state === "cancelled" ? "Cancelled" : "Corrected"],
      [fill.trade_id],
    ];
  }

  #positionCells(position) {
    const { tick, currency, last } = this.describe(position.symbol);
    let profit = "–";
    let kind = "";
    if (last) {
      const worth = wide.add(position.sold_notional, wide.product(last, position.net_qty));
      const units = wide.parse(worth) - wide.parse(position.bought_notional);
      kind = units > 0n ? "up" : units < 0n ? "down" : "";
      profit = `${units > 0n ? "+" : ""}${grouped(fixed(units / wide.UNIT8, 2)).replace("-", "−")} ${currency}`;
    }
    return [
      [position.symbol], [grouped(position.net_qty).replace("-", "−")], [grouped(position.bought_qty)],
      [grouped(position.sold_qty)], [last ? shown(last, placesOf(tick)) : "–"], [profit, kind],
    ];
  }

  #listen() {
    byId("cancel-all").addEventListener("click", () => this.cancelAll());
    const tabs = [...document.querySelectorAll('[role="tab"]')];
    const choose = (tab) => {
      for (const other of tabs) {
        const chosen = other === tab;
        other.setAttribute("aria-selected", String(chosen));
        other.tabIndex = chosen ? 0 : -1;
        show(byId(other.getAttribute("aria-controls")), chosen);
      }
      this.draw();
    };
    tabs.forEach((tab, place) => {
      tab.addEventListener("click", () => choose(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = tabs[(place + step + tabs.length) % tabs.length];
        next.focus();
        choose(next);
      });
    });
  }
}

// A table whose rows are kept by key, so that a button keeps its focus when another row
// changes.
class Table {
  constructor(box, columns) {
    this.columns = columns;
    this.rows = new Map();
    const heads = columns.map(([text, className]) => make("th", { scope: "col", className, text }));
    this.body = make("tbody");
    const head = make("thead", { children: [make("tr", { children: heads })] });
    this.table = make("table", { children: [head, this.body] });
    this.empty = make("p", { className: "empty" });
    box.append(this.table, this.empty);
  }

  write(items, keyOf, cellsOf, emptyText, actionOf) {
    show(this.table, items.length > 0);
    show(this.empty, items.length === 0);
    put(this.empty, emptyText);
    const wanted = new Set(items.map(keyOf));
    for (const [key, row] of this.rows) {
      if (!wanted.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    let before = null;
    for (const item of items) {
      const row = this.#row(keyOf(item), item, actionOf);
      cellsOf(item).forEach(([text, kind], place) => {
        const cell = row.cells[place];
        put(cell, text);
        const [, className] = this.columns[place];
        const full = kind ? `${className} ${kind}` : className;
        if (cell.className !== full) cell.className = full;
      });
      if (row.action) row.action.update();
      const due = before ? before.nextSibling : this.body.firstChild;
      if (row.element !== due) this.body.insertBefore(row.element, due);
      before = row.element;
    }
  }

  #row(key, item, actionOf) {
    let row = this.rows.get(key);
    if (!row) {
      const action = actionOf ? actionOf(item) : null;
      const count = this.columns.length - (action ? 1 : 0);
      const cells = Array.from({ length: count }, () => make("td"));
      const all = action ? [...cells, make("td", { className: "action", children: [action.element] })] : cells;
      row = { cells, action, element: make("tr", { children: all }) };
      this.rows.set(key, row);
    }
    return row;
  }
}

// Sums of price times quantity have 16 decimal places.
const wide = {
  UNIT8: 10n ** 8n,
  parse(text) {
    const [whole, fraction = ""] = text.replace("-", "").split(".");
    const units = BigInt(whole + fraction.padEnd(16, "0"));
    return text.startsWith("-") ? -units : units;
  },
  render(units) {
    const size = (units < 0n ? -units : units).toString().padStart(17, "0");
    return `${units < 0n ? "-" : ""}${size.slice(0, -16)}.${size.slice(-16)}`;
  },
  add(one, other) {
    return wide.render(wide.parse(one) + wide.parse(other));
  },
  product(price, qty) {
    return wide.render(parse(price) * parse(qty));
  },
};

// The price of an order as people say it.
function priceText(order, places) {
  const limit = order.pegged_price ?? order.price;
  const text = limit === null ? "Market" : shown(limit, places);
  if (order.type === "pegged") return `Peg ${limit === null ? "–" : text}`;
  if (order.triggered !== false) return text;
  const stop = shown(order.stop_price, places);
  return order.price === null ? `Stop ${stop}` : `Stop ${stop} → ${text}`;
}

function label(order) {
  const price = order.price ?? order.stop_price ?? "market";
  return `${order.side === "buy" ? "Buy" : "Sell"} ${order.qty} ${order.symbol} @ ${price}`;
}

function when(ns) {
  return Date.now() - ns / 1e6 < DAY_MS / 2 ? timeOfDay(ns) : dateAndTime(ns);
}
