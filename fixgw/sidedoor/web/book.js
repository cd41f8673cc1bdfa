// The order book: state from snapshots and deltas, and rows that are written anew once
// per frame.

import { compact, fixed, grouped, parse, placesOf, render, shown } from "./decimal.js";
import { byId, make, perFrame, put } from "./dom.js";

const ROWS_MAX = 30;

export class BookView {
  constructor(onPick, onBroken) {
    this.onBroken = onBroken;
    this.own = new Set();
    this.last = null;
    this.clear({ tick: "0.01" });
    this.sides = {
      bids: { box: byId("bids"), rows: [] },
      asks: { box: byId("asks"), rows: [] },
    };
    for (const { box } of Object.values(this.sides)) {
      box.addEventListener("click", (event) => {
        const row = event.target.closest(".level");
        if (row && row.dataset.price) onPick(row.dataset.price);
      });
    }
    this.draw = perFrame(() => this.#draw());
    new ResizeObserver(() => this.#fit()).observe(byId("book-card"));
  }

  clear(instrument) {
    this.seq = null;
    this.bids = new Map();
    this.asks = new Map();
    this.pricePlaces = placesOf(instrument.tick);
    if (this.draw) this.draw();
  }

  take(message) {
    if (message.type === "snapshot") {
      this.bids = new Map(message.bids);
      this.asks = new Map(message.asks);
    } else {
      if (message.prev_seq !== this.seq) {
        if (this.seq !== null) this.onBroken();
        this.seq = null;
        return;
      }
      for (const side of ["bids", "asks"]) {
        for (const [price, qty] of message[side]) {
          if (qty === "0") this[side].delete(price);
          else this[side].set(price, qty);
        }
      }
    }
    this.seq = message.seq;
    this.draw();
  }

  // Prices at which the account itself has orders.
  mark(prices) {
    this.own = prices;
    this.draw();
  }

  setLast(text, direction) {
    this.last = text;
    this.direction = direction;
    this.draw();
  }

  // Levels of a side, best first: price text, price units, quantity units.
  levels(side) {
    const sign = side === "bids" ? -1n : 1n;
    return Array.from(this[side], ([price, qty]) => [price, parse(price), parse(qty)])
      .sort((one, other) => (sign * (one[1] - other[1]) < 0n ? -1 : 1));
  }

  #fit() {
    const style = getComputedStyle(document.documentElement);
    const rowPx = parseFloat(style.getPropertyValue("--row"));
    for (const [name, side] of Object.entries(this.sides)) {
      const count = Math.max(1, Math.min(ROWS_MAX, Math.floor(side.box.clientHeight / rowPx)));
      while (side.rows.length > count) side.rows.pop().row.remove();
      while (side.rows.length < count) {
        const price = make("span", { className: "price" });
        const size = make("span", { className: "size" });
        const total = make("span", { className: "total" });
        const row = make("div", { className: "level", role: "listitem", children: [price, size, total] });
        // Asks stand with the best at the bottom, next to the bids.
        if (name === "asks") side.box.prepend(row);
        else side.box.append(row);
        side.rows.push({ row, price, size, total });
      }
    }
    this.#draw();
  }

  #draw() {
    const bids = this.levels("bids");
    const asks = this.levels("asks");
    const deepest = this.#largestTotal(bids, asks);
    this.#drawSide(this.sides.bids.rows, bids, deepest);
    this.#drawSide(this.sides.asks.rows, asks, deepest);
    const middle = byId("middle-price");
    put(middle, this.last === null ? "–" : shown(this.last, this.pricePlaces));
    middle.className = this.direction ?? "";
    if (bids.length && asks.length) {
      const spread = asks[0][1] - bids[0][1];
      const middleUnits = asks[0][1] + bids[0][1];
      const hundredths = middleUnits > 0n ? (spread * 20_000n) / middleUnits : 0n;
      const percent = `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, "0")}`;
      put(byId("spread"), `Spread ${grouped(fixed(spread, this.pricePlaces))} (${percent}%)`);
    } else {
      put(byId("spread"), bids.length || asks.length ? "One side is empty" : "Empty");
    }
  }

  #largestTotal(bids, asks) {
    let most = 0n;
    for (const [levels, rows] of [[bids, this.sides.bids.rows], [asks, this.sides.asks.rows]]) {
      let total = 0n;
      for (const level of levels.slice(0, rows.length)) total += level[2];
      if (total > most) most = total;
    }
    return most;
  }

  #drawSide(rows, levels, deepest) {
    let total = 0n;
    rows.forEach(({ row, price, size, total: sum }, place) => {
      const level = levels[place];
      row.classList.toggle("blank", !level);
      if (!level) {
        delete row.dataset.price;
        row.classList.remove("own");
        for (const cell of [price, size, sum]) put(cell, "");
        row.style.setProperty("--depth", "0");
        return;
      }
      total += level[2];
      row.dataset.price = level[0];
      row.classList.toggle("own", this.own.has(level[0]));
      put(price, shown(level[0], this.pricePlaces));
      put(size, compact(render(level[2])));
      put(sum, compact(render(total)));
      // A share for drawing: the only place where quantities become a number.
      row.style.setProperty("--depth", String(Number((total * 1000n) / deepest) / 1000));
    });
  }
}
