// Decimal text to whole units of 1e-8 and back, exactly. Prices and quantities are text
// or BigInt units everywhere in this page; numbers are for drawing only.

export const PLACES = 8;
export const UNIT = 10n ** BigInt(PLACES);

// Units of a decimal text such as "12.5"; null if it is none, or has too many places.
export function parse(text) {
  const found = /^(-?)(\d*)(?:\.(\d*))?$/.exec(String(text).trim());
  if (!found || (found[2] === "" && !found[3])) return null;
  const fraction = (found[3] ?? "").replace(/0+$/, "");
  if (fraction.length > PLACES) return null;
  const units = BigInt(found[2] || "0") * UNIT + BigInt(fraction.padEnd(PLACES, "0"));
  return found[1] ? -units : units;
}

// The shortest text of units, the form the exchange itself writes.
export function render(units) {
  return fixed(units, 0);
}

// Text with at least that many decimal places, more if there are more.
export function fixed(units, places) {
  const sign = units < 0n ? "-" : "";
  const size = units < 0n ? -units : units;
  let fraction = (size % UNIT).toString().padStart(PLACES, "0").replace(/0+$/, "");
  fraction = fraction.padEnd(places, "0");
  return sign + (size / UNIT).toString() + (fraction ? "." + fraction : "");
}

// How many decimal places multiples of a step need: "0.05" needs 2.
export function placesOf(step) {
  const point = step.indexOf(".");
  return point < 0 ? 0 : step.length - point - 1;
}

// The same text with thousands set apart, for reading; never parsed again.
export function grouped(text) {
  const [whole, fraction] = text.split(".");
  const apart = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return fraction === undefined ? apart : apart + "." + fraction;
}

// Decimal text padded to a number of places, with thousands apart.
export function shown(text, places) {
  const units = parse(text);
  return units === null ? text : grouped(fixed(units, places));
}

// Units times units, in units, cut off: what an order is worth.
export function product(one, other) {
  return (one * other) / UNIT;
}

// A quantity in few characters, for reading only: 1.25M, 12,345, 0.0312.
export function compact(text) {
  const value = Number(text);
  if (!Number.isFinite(value)) return text;
  for (const [size, letter] of [[1e9, "B"], [1e6, "M"]]) {
    if (Math.abs(value) >= size) return (value / size).toFixed(value < 100 * size ? 2 : 1) + letter;
  }
  const places = value >= 1000 ? 0 : value >= 10 ? 2 : value >= 1 ? 3 : 4;
  const [whole, fraction = ""] = text.split(".");
  const shortened = fraction.slice(0, places).replace(/0+$/, "");
  if (!shortened && whole === "0") return text;
  return grouped(shortened ? `${whole}.${shortened}` : whole);
}
