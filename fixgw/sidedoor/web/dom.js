// Small help with the document. Text goes in as text only: nothing here, or anywhere in
// this page, turns a string into markup.

export const byId = (id) => document.getElementById(id);

// An element with a class, text or children, and attributes.
export function make(tag, { className, text, children, ...attributes } = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  if (children) element.append(...children);
  return element;
}

// Sets text only where it differs, so that a page at rest costs nothing.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

// Runs an action at most once per frame, however often it is asked for.
export function perFrame(action) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      action();
    });
  };
}

const TOAST_MS = 6000;
const TOASTS_MAX = 3;

// A note in the corner that goes away by itself.
export function toast(text, kind = "") {
  const note = make("div", { className: "toast " + kind, text });
  const box = byId("toasts");
  box.append(note);
  while (box.childElementCount > TOASTS_MAX) box.firstChild.remove();
  setTimeout(() => note.remove(), TOAST_MS);
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

// Time of day of nanoseconds since the epoch. Such numbers are rounded by JSON in a
// browser, to less than a microsecond: good enough to show.
export function timeOfDay(ns) {
  return clock.format(ns / 1e6);
}

export function dateAndTime(ns) {
  return dayAndClock.format(ns / 1e6);
}
