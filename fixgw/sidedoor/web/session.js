// Who is trading: an API key and its secret, kept in this tab and nowhere else.

import { Credentials, canSign, sentence } from "./api.js";
import { byId, put, show } from "./dom.js";

const STORED = "fixgw-key";

export class Session extends EventTarget {
  constructor() {
    super();
    this.credentials = null;
    this.account = null;
    this.dialog = byId("sign-in");
    byId("account").addEventListener("click", () => (this.credentials ? this.#menu() : this.ask()));
    byId("sign-in-cancel").addEventListener("click", () => this.dialog.close());
    byId("sign-in-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("menu-close").addEventListener("click", () => byId("account-menu").close());
    byId("sign-out").addEventListener("click", () => {
      byId("account-menu").close();
      this.leave();
    });
    for (const dialog of document.querySelectorAll("dialog")) {
      dialog.addEventListener("click", (event) => {
        if (event.target === dialog) dialog.close();
      });
    }
  }

  // The key from the address, or from this tab's storage. What follows # is never sent
  // to the server, and is taken out of the address at once: it would stay in the history.
  restore() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    const key = fragment.get("key");
    const secret = fragment.get("secret");
    if (key !== null || secret !== null) {
      fragment.delete("key");
      fragment.delete("secret");
      const rest = fragment.toString();
      history.replaceState(null, "", location.pathname + location.search + (rest ? "#" + rest : ""));
    }
    if (key && secret) return this.#use(key, secret);
    try {
      const stored = JSON.parse(sessionStorage.getItem(STORED) ?? "null");
      if (stored) return this.#use(stored.key, stored.secret);
    } catch {
      sessionStorage.removeItem(STORED);
    }
    return false;
  }

  ask(problem = "") {
    put(byId("sign-in-outcome"), problem);
    show(byId("sign-in-outcome"), Boolean(problem));
    const box = byId("no-crypto");
    show(box, !canSign());
    if (!canSign()) {
      put(box, `Browsers sign only on https or on this computer itself, and this page came over plain http from ${location.hostname}. Put https before the exchange, or forward its port: ssh -L ${location.port || 80}:localhost:${location.port || 80} ${location.hostname}, and open http://localhost:${location.port || 80}/`);
    }
    byId("sign-in-submit").disabled = !canSign();
    if (!this.dialog.open) this.dialog.showModal();
  }

  // The exchange knows the key.
  accept({ account, role }) {
    this.account = account;
    this.role = role;
    this.#busy(false);
    this.dialog.close();
    byId("key-id").value = "";
    byId("key-secret").value = "";
    this.#changed();
  }

  // The exchange does not take the key, or no longer.
  refuse({ code, message }) {
    this.leave();
    this.ask(`${sentence(message)} (${code})`);
  }

  leave() {
    this.credentials = null;
    this.account = null;
    sessionStorage.removeItem(STORED);
    this.#busy(false);
    this.#changed();
  }

  #use(key, secret) {
    if (!canSign()) {
      this.ask();
      return false;
    }
    this.credentials = new Credentials(key, secret);
    sessionStorage.setItem(STORED, JSON.stringify({ key, secret }));
    this.#changed();
    return true;
  }

  #submit() {
    const key = byId("key-id").value.trim();
    const secret = byId("key-secret").value.trim();
    if (!key || !secret) {
      this.ask("Key and secret are both needed.");
      byId(key ? "key-secret" : "key-id").focus();
      return;
    }
    show(byId("sign-in-outcome"), false);
    this.#busy(true);
    this.#use(key, secret);
  }

  #menu() {
    put(byId("menu-account"), this.account ?? "not known yet");
    put(byId("menu-role"), this.role ?? "not known yet");
    put(byId("menu-key"), this.credentials.id);
    byId("account-menu").showModal();
  }

  #busy(busy) {
    byId("sign-in-submit").disabled = busy || !canSign();
    put(byId("sign-in-submit"), busy ? "Signing in…" : "Sign in");
  }

  #changed() {
    const button = byId("account");
    put(button, this.credentials ? this.account ?? "…" : "Sign in");
    button.title = this.account ? `${this.account}, role ${this.role}: sign out` : "";
    button.classList.toggle("primary", !this.credentials);
    this.dispatchEvent(new Event("change"));
  }
}
