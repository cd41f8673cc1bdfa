// The list of instruments with last price and change of 24 hours.

import { placesOf, shown } from "./decimal.js";
import { byId, make, perFrame, put } from "./dom.js";

export class InstrumentList {
  constructor(onSelect) {
    this.onSelect = onSelect;
    this.rows = new Map();
    this.selected = null;
    this.dirty = new Set();
    this.draw = perFrame(() => this.#draw());
    byId("filter").addEventListener("input", () => this.#filter());
    byId("filter").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      const first = [...this.rows.values()].find(({ item }) => !item.hidden);
      if (first) first.button.click();
    });
  }

  load(instruments) {
    const list = byId("instrument-list");
    list.replaceChildren();
    this.rows.clear();
    for (const instrument of instruments) {
      const name = make("span", { className: "name", text: instrument.symbol });
      const note = make("span", { className: "unit", text: instrument.currency });
      const last = make("span", { className: "last", text: "–" });
      const change = make("span", { className: "change", text: "" });
      const symbol = make("span", { className: "symbol", children: [name, note] });
      const button = make("button", { type: "button", children: [symbol, last, change] });
      const item = make("li", { children: [button] });
      button.addEventListener("click", () => this.onSelect(instrument.symbol));
      list.append(item);
      this.rows.set(instrument.symbol, {
        item, button, last, change, note, instrument, places: placesOf(instrument.tick), ticker: null,
      });
    }
    this.#filter();
  }

  select(symbol) {
    this.selected = symbol;
    for (const [name, { button }] of this.rows) {
      if (name === symbol) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  setTicker(ticker) {
    const row = this.rows.get(ticker.symbol);
    if (!row) return;
    row.ticker = ticker;
    this.dirty.add(row);
    this.draw();
  }

  setInstrument(instrument) {
    const row = this.rows.get(instrument.symbol);
    if (!row) return;
    row.instrument = instrument;
    row.places = placesOf(instrument.tick);
    this.dirty.add(row);
    this.draw();
  }

  #filter() {
    const wanted = byId("filter").value.trim().toLowerCase();
    for (const [symbol, { item, instrument }] of this.rows) {
      const text = `${symbol} ${instrument.currency}`.toLowerCase();
      item.hidden = !text.includes(wanted);
    }
  }

  #draw() {
    for (const { instrument, ticker, last, change, note, places } of this.dirty) {
      const phase = phaseText(instrument.phase);
      put(note, phase || instrument.currency);
      note.classList.toggle("halted", phase !== "");
      const price = ticker?.last ?? instrument.reference_price;
      put(last, price ? shown(price, places) : "–");
      last.classList.toggle("muted", !ticker?.last);
      const percent = ticker?.change_percent_24h ?? null;
      put(change, percent === null ? "–" : signed(percent) + "%");
      change.className = "change " + direction(percent);
    }
    this.dirty.clear();
  }
}

// What people read of a trading phase; "" for the ordinary one.
export function phaseText(phase) {
  if (phase === "continuous") return "";
  const words = phase.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

// "up", "down" or "" for a decimal text.
export function direction(text) {
  if (text === null || /^-?[0.]*$/.test(text)) return "";
  return text.startsWith("-") ? "down" : "up";
}

export function signed(text) {
  return direction(text) === "up" ? "+" + text : text.replace("-", "−");
}
