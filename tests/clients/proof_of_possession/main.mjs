// An application on one of two libraries, as their documentation has them used. A test tells it line by line, in JSON, what to
// do next, and reads from it what came of that. All checks of the libraries are on.

import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node.js 18 has it there only
const { Connections } = await import("./connections.mjs");
const { signingKey } = await import("./keys.mjs");
const libraries = {
  oauth4webapi: () => import("./oauth4webapi.mjs"),
  "openid-client": () => import("./openid_client.mjs"),
};
const { Application } = await libraries[process.argv[2]]();

let key;
let connections;
let application;

const commands = {
  /** The public key to register, before the application has an id. */
  keys: async ({ alg }) => {
    key = await signingKey(alg);
    return { jwks: { keys: [key.public] } };
  },

  /** How the server is reached, and what the application is there. */
  begin: async (settings) => {
    connections = new Connections(settings);
    application = await Application.begin({ ...settings, signing: key.signing, connections });
    return {};
  },

  authorize: async () => ({ url: (await application.authorize()).href }),
  callback: async ({ url }) => told(await application.callback(new URL(url))),
  client_credentials: async () => told(await application.clientCredentials()),
  refresh: async () => told(await application.refresh()),

  /** What it holds, or the token that is given, for one that it holds from then on. */
  exchange: async (parameters) => told(await application.exchange(parameters)),

  /** What a device shows its user, and what it gets once the user has answered; with openid-client. */
  device: async () => application.device(),
  poll: async () => told(await application.poll()),

  userinfo: async () => application.userinfo(),
  introspect: async () => application.introspect(),
  revoke: async () => (await application.revoke(), {}),

  /** From now on another key and another certificate prove what the requests come with. */
  steal: async ({ certificate, key }) => {
    connections.show({ certificate, key });
    await application.changeKey();
    return {};
  },
};

/** What the application learns of tokens, and the tokens. */
function told({ tokens, claims }) {
  const { access_token, refresh_token, token_type, scope, expires_in, issued_token_type } = tokens;
  return { access_token, refresh_token, token_type, scope, expires_in, issued_token_type, claims };
}

/** What is told of a failure: the server's error where there is one, else the library's. */
async function failure(error) {
  const challenge = Array.isArray(error.cause) ? error.cause[0] : undefined;
  // A challenge that says nothing comes with a body that does.
  const body = async () => error.response.json().catch(() => ({}));
  const told = challenge ? { ...(await body()), ...challenge.parameters } : error;
  return {
    error: told.error ?? error.code ?? error.name,
    error_description: told.error_description ?? error.cause?.message ?? error.message,
    scheme: challenge?.scheme,
    status: error.status,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line);
  const answer = {};
  try {
    answer.done = await commands[command](parameters);
  } catch (error) {
    console.error(error);
    answer.failed = await failure(error);
  }
  answer.calls = connections?.takeCalls() ?? [];
  console.log(JSON.stringify(answer));
}
