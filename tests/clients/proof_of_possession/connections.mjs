// How requests travel: by TLS with or without a client certificate, each noted for the test.

import { Agent, fetch } from "undici";

export class Connections {
  #calls = [];
  #dispatcher;

  constructor({ certificate, key }) {
    this.show({ certificate, key });
  }

  /** Shows this certificate from now on, in connections of its own, or none. */
  show({ certificate, key }) {
    this.#dispatcher = new Agent({ connect: certificate ? { cert: certificate, key } : {} });
  }

  /** What both libraries take in place of the global `fetch`. */
  fetch = async (url, options) => {
    const response = await fetch(url, { ...options, dispatcher: this.#dispatcher });
    const { origin, pathname } = new URL(url);
    const nonce = response.headers.get("dpop-nonce");
    this.#calls.push({
      method: options.method,
      origin,
      path: pathname,
      status: response.status,
      proof: new Headers(options.headers).has("dpop"),
      nonce: nonce !== null,
    });
    return response;
  };

  takeCalls() {
    return this.#calls.splice(0);
  }
}
