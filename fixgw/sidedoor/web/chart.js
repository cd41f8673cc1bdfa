// A candle chart on a canvas: prices, volumes, a cross-hair; wheel, drag, pinch and keys
// move it. Prices become floating-point numbers here, for drawing and for nothing else.

import { compact, placesOf, shown } from "./decimal.js";
import { byId, perFrame, put, show } from "./dom.js";

const AXIS_BOTTOM = 22;
const WIDTH_MIN = 3;
const WIDTH_MAX = 40;
const WIDTH_FIRST = 9;
const WIDTH_FEW = 18;
const KEPT = 1440;
const GAP_MAX = 500;   // buckets without a trade that are drawn as a flat line

export class ChartView {
  constructor() {
    this.canvas = byId("chart");
    this.readout = byId("readout");
    this.context = this.canvas.getContext("2d");
    this.candles = [];
    this.intervalS = 60;
    this.width = WIDTH_FIRST;
    this.zoomed = false;
    this.back = 0;
    this.cross = null;
    this.places = 2;
    this.draw = perFrame(() => this.#draw());
    this.#readColours();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#readColours();
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.#listen();
  }

  clear(instrument, intervalS) {
    this.candles = [];
    this.intervalS = intervalS;
    this.back = 0;
    this.cross = null;
    this.places = placesOf(instrument.tick);
    this.loaded = false;
    this.seq = 0;
    this.draw();
  }

  // Candles as the exchange gives them, oldest first; their seq says which trades they
  // hold, so that none is added twice.
  load(candles) {
    this.candles = [];
    this.loaded = true;
    this.seq = candles.length ? candles.at(-1).seq : 0;
    for (const candle of candles) {
      const start = Math.round(candle.time_ns / 1e9);
      this.#fill(start);
      const [open, high, low, close, volume] =
        ["open", "high", "low", "close", "volume"].map((name) => Number(candle[name]));
      this.candles.push({ start, open, high, low, close, volume });
    }
    // A young market has few candles: they may be wider. Whoever zooms keeps that.
    if (!this.zoomed) {
      const room = (this.canvas.clientWidth - 80) * 0.7;
      this.width = Math.max(WIDTH_FIRST, Math.min(WIDTH_FEW, room / Math.max(1, this.candles.length)));
    }
    this.draw();
  }

  add(trade) {
    if (trade.seq <= this.seq) return;
    this.seq = trade.seq;
    const second = Math.floor(trade.time_ns / 1e9);
    const start = second - (second % this.intervalS);
    const price = Number(trade.price);
    const qty = Number(trade.qty);
    const last = this.candles.at(-1);
    if (last && start < last.start) return;
    if (last && start === last.start) {
      last.high = Math.max(last.high, price);
      last.low = Math.min(last.low, price);
      last.close = price;
      last.volume += qty;
    } else {
      this.#fill(start);
      this.candles.push({ start, open: price, high: price, low: price, close: price, volume: qty });
      if (this.candles.length > KEPT) this.candles.shift();
      if (this.back > 0) this.back += 1;
    }
    this.draw();
  }

  // Nothing was traded between the last candle and this one: its price stood.
  #fill(start) {
    const last = this.candles.at(-1);
    if (!last) return;
    const missing = (start - last.start) / this.intervalS - 1;
    for (let at = Math.max(0, missing - GAP_MAX); at < missing; at += 1) {
      const close = last.close;
      this.candles.push({
        start: last.start + (at + 1) * this.intervalS,
        open: close, high: close, low: close, close, volume: 0,
      });
    }
  }

  #readColours() {
    const style = getComputedStyle(document.documentElement);
    this.colours = {};
    for (const name of ["up", "down", "grid", "muted", "text", "panel", "accent"]) {
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
  }

  #listen() {
    const canvas = this.canvas;
    const fingers = new Map();
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, event.offsetX);
      canvas.setPointerCapture(event.pointerId);
      drag = { x: event.offsetX, back: this.back, spread: this.#spread(fingers), width: this.width };
    });
    canvas.addEventListener("pointermove", (event) => {
      this.cross = { x: event.offsetX, y: event.offsetY };
      if (fingers.has(event.pointerId)) {
        fingers.set(event.pointerId, event.offsetX);
        if (fingers.size === 2 && drag.spread) {
          this.#zoomTo((drag.width * this.#spread(fingers)) / drag.spread);
        } else if (fingers.size === 1) {
          this.#moveTo(drag.back + Math.round((event.offsetX - drag.x) / this.width));
        }
      }
      this.draw();
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => fingers.delete(event.pointerId));
    }
    canvas.addEventListener("pointerleave", () => {
      this.cross = null;
      this.draw();
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        this.#moveTo(this.back - Math.sign(event.deltaX) * 2);
      } else {
        this.#zoomTo(this.width * (event.deltaY < 0 ? 1.15 : 1 / 1.15));
      }
      this.draw();
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: 5, ArrowRight: -5 }[event.key];
      if (step) this.#moveTo(this.back + step);
      else if (event.key === "+" || event.key === "=") this.#zoomTo(this.width * 1.2);
      else if (event.key === "-") this.#zoomTo(this.width / 1.2);
      else if (event.key === "End") this.back = 0;
      else return;
      event.preventDefault();
      this.draw();
    });
  }

  #spread(fingers) {
    const [one, other] = [...fingers.values()];
    return other === undefined ? 0 : Math.max(10, Math.abs(one - other));
  }

  #zoomTo(width) {
    this.width = Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, width));
    this.zoomed = true;
  }

  #moveTo(back) {
    this.back = Math.min(Math.max(0, back), Math.max(0, this.candles.length - 5));
  }

  #draw() {
    const { canvas, context } = this;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "11px system-ui, sans-serif";
    show(byId("chart-empty"), this.loaded === true && this.candles.length === 0);
    if (!this.candles.length) {
      put(this.readout, "");
      canvas.setAttribute("aria-label", "Candle chart, no trades yet");
      return;
    }
    const end = this.candles.length - this.back;
    const label = (value) => shown(value.toFixed(this.places), this.places);
    const top = Math.max(...this.candles.slice(-200).map((candle) => candle.high));
    const axis = Math.ceil(context.measureText(label(top)).width) + 14;
    const plot = { width: width - axis, height: height - AXIS_BOTTOM };
    const count = Math.max(1, Math.floor((plot.width - 8) / this.width));
    const first = Math.max(0, end - count);
    const visible = this.candles.slice(first, end);
    const scale = this.#scale(visible, plot.height);
    const x = (place) => plot.width - 8 - (visible.length - place - 0.5) * this.width;
    this.#drawGrid(plot, width, scale, visible, x, label);
    this.#drawCandles(plot, scale, visible, x);
    this.#drawLast(plot, width, scale, label);
    this.#drawCross(plot, width, scale, visible, x, label);
  }

  #scale(visible, height) {
    let low = Math.min(...visible.map((candle) => candle.low));
    let high = Math.max(...visible.map((candle) => candle.high));
    const room = (high - low || Math.abs(high) * 0.01 || 1) * 0.08;
    low -= room;
    high += room;
    // Volumes have the lowest sixth to themselves.
    const bottom = height * 0.83;
    return {
      low, high,
      y: (price) => 8 + ((high - price) / (high - low)) * (bottom - 8),
      price: (y) => high - ((y - 8) / (bottom - 8)) * (high - low),
      volume: height - bottom - 8,
      most: Math.max(...visible.map((candle) => candle.volume)) || 1,
    };
  }

  #drawGrid(plot, width, scale, visible, x, label) {
    const { context, colours } = this;
    context.textBaseline = "middle";
    context.lineWidth = 1;
    const step = niceStep((scale.high - scale.low) / Math.max(2, plot.height / 64));
    context.textAlign = "left";
    for (let price = Math.ceil(scale.low / step) * step; price < scale.high; price += step) {
      const y = Math.round(scale.y(price)) + 0.5;
      this.#line(0, y, plot.width, y, colours.grid);
      context.fillStyle = colours.muted;
      context.fillText(label(price), plot.width + 7, y);
    }
    context.textAlign = "center";
    const every = Math.max(1, Math.ceil(84 / this.width));
    visible.forEach((candle, place) => {
      if (Math.round(candle.start / this.intervalS) % every) return;
      const at = Math.round(x(place)) + 0.5;
      if (at < 24 || at > plot.width - 16) return;
      this.#line(at, 0, at, plot.height, colours.grid);
      context.fillStyle = colours.muted;
      context.fillText(this.#when(candle.start), at, plot.height + AXIS_BOTTOM / 2 + 1);
    });
    this.#line(0, plot.height + 0.5, width, plot.height + 0.5, colours.grid);
  }

  #drawCandles(plot, scale, visible, x) {
    const { context, colours } = this;
    const body = Math.max(1, Math.min(22, Math.round(this.width * 0.66)));
    visible.forEach((candle, place) => {
      const rises = candle.close >= candle.open;
      const at = x(place);
      const left = Math.round(at - body / 2);
      context.fillStyle = rises ? colours.up : colours.down;
      const size = (candle.volume / scale.most) * scale.volume;
      context.globalAlpha = 0.28;
      context.fillRect(left, plot.height - size, body, size);
      context.globalAlpha = 1;
      const high = Math.round(scale.y(candle.high));
      const low = Math.round(scale.y(candle.low));
      context.fillRect(Math.round(left + body / 2 - 0.5), high, 1, Math.max(1, low - high));
      const upper = Math.round(scale.y(Math.max(candle.open, candle.close)));
      const lower = Math.round(scale.y(Math.min(candle.open, candle.close)));
      context.fillRect(left, upper, body, Math.max(1, lower - upper));
    });
  }

  #drawLast(plot, width, scale, label) {
    const { context, colours } = this;
    const last = this.candles.at(-1);
    if (last.close < scale.low || last.close > scale.high) return;
    const y = Math.round(scale.y(last.close)) + 0.5;
    const colour = last.close >= last.open ? colours.up : colours.down;
    context.setLineDash([3, 3]);
    this.#line(0, y, plot.width, y, colour);
    context.setLineDash([]);
    this.#tag(label(last.close), plot.width, width, y, colour);
    const text = `Candle chart, last price ${label(last.close)}, high ${label(last.high)}, low ${label(last.low)} in the newest candle`;
    this.canvas.setAttribute("aria-label", text);
  }

  #drawCross(plot, width, scale, visible, x, label) {
    const { colours } = this;
    let shownCandle = visible.at(-1);
    if (this.cross && this.cross.x < plot.width && this.cross.y < plot.height) {
      const place = visible.length - 1 - Math.round((plot.width - 8 - this.cross.x) / this.width - 0.5);
      const candle = visible[Math.max(0, Math.min(place, visible.length - 1))];
      shownCandle = candle;
      const at = Math.round(x(visible.indexOf(candle))) + 0.5;
      const y = Math.round(this.cross.y) + 0.5;
      this.context.setLineDash([2, 3]);
      this.#line(at, 0, at, plot.height, colours.muted);
      this.#line(0, y, plot.width, y, colours.muted);
      this.context.setLineDash([]);
      this.#tag(label(scale.price(this.cross.y)), plot.width, width, y, colours.accent);
    }
    const { start, open, high, low, close, volume } = shownCandle;
    put(this.readout, `${this.#when(start, true)}  O ${label(open)}  H ${label(high)}  L ${label(low)}  C ${label(close)}  V ${compact(String(+volume.toFixed(8)))}`);
  }

  #tag(text, left, right, y, colour) {
    const { context } = this;
    context.fillStyle = colour;
    context.fillRect(left + 1, y - 9, right - left - 2, 18);
    context.fillStyle = this.colours.panel;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillText(text, left + 7, y + 0.5);
  }

  #line(x1, y1, x2, y2, colour) {
    const { context } = this;
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }

  #when(second, full = false) {
    const date = new Date(second * 1000);
    const day = date.toLocaleDateString("en-GB", { day: "2-digit", month: "short" });
    if (this.intervalS >= 86_400) return day;
    const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    if (full) return this.intervalS >= 3600 ? `${day} ${time}` : time;
    return this.intervalS >= 3600 && time === "00:00" ? day : time;
  }
}

// 1, 2 or 5 times a power of ten, not below the size.
function niceStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  for (const factor of [1, 2, 5, 10]) {
    if (factor * power >= size) return factor * power;
  }
  return 10 * power;
}
