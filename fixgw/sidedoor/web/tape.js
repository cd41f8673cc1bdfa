// The list of trades: the newest on top, a bounded number of rows used over and over.

import { compact, placesOf, shown } from "./decimal.js";
import { byId, make, perFrame, put, timeOfDay } from "./dom.js";

const ROWS = 60;

export class TapeView {
  constructor() {
    this.list = byId("trades");
    this.rows = [];
    this.trades = [];
    this.draw = perFrame(() => this.#draw());
    this.clear({ tick: "0.01" });
  }

  clear(instrument) {
    this.seq = null;
    this.trades = [];
    this.places = placesOf(instrument.tick);
    this.draw();
  }

  // Takes a message; the new trades, oldest first.
  take(message) {
    const snapshot = message.type === "snapshot";
    if (snapshot) this.trades = [];
    this.seq = message.seq;
    this.trades = message.trades.slice().reverse().concat(this.trades).slice(0, ROWS);
    this.draw();
    return snapshot ? [] : message.trades;
  }

  #draw() {
    while (this.rows.length < this.trades.length) {
      const price = make("span", { className: "price" });
      const size = make("span", { className: "size" });
      const time = make("span", { className: "time" });
      const row = make("li", { children: [price, size, time] });
      this.list.append(row);
      this.rows.push({ row, price, size, time });
    }
    while (this.rows.length > this.trades.length) this.rows.pop().row.remove();
    this.rows.forEach(({ row, price, size, time }, place) => {
      const trade = this.trades[place];
      row.className = trade.aggressor_side;
      put(price, shown(trade.price, this.places));
      put(size, compact(trade.qty));
      put(time, (trade.clock ??= timeOfDay(trade.time_ns)));
    });
  }
}
