// An MCP client as its SDK has it written. All that is added is DPoP, which the SDK leaves to `fetch`.

import { auth, UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node.js 18 has it there only
const { generateKeyPair, generateProof } = await import("dpop");
const { obey } = await import("./commands.mjs");

const calls = [];
let settings;
let pair;
let provider;
let transport;
let client;

/** What the SDK asks of an application: where it keeps what it learns. */
class Provider {
  clientMetadataUrl = settings.client_document;
  redirectUrl = settings.redirect_uri;
  clientMetadata = {
    client_name: "Agent",
    redirect_uris: [settings.redirect_uri],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    dpop_bound_access_tokens: settings.dpop,
  };
  #kept = {};

  state = () => (this.#kept.state ??= crypto.randomUUID());
  clientInformation = () => this.#kept.client;
  saveClientInformation = (client) => void (this.#kept.client = client);
  tokens = () => this.#kept.tokens;
  saveTokens = (tokens) => void (this.#kept.tokens = tokens);
  redirectToAuthorization = (url) => void (this.#kept.url = url);
  saveCodeVerifier = (verifier) => void (this.#kept.verifier = verifier);
  codeVerifier = () => this.#kept.verifier;
  authorizationUrl = () => this.#kept.url;
}

/** In place of `fetch`: proves the key to the token endpoint, and with the access token. */
async function proving(url, init = {}) {
  const headers = new Headers(init.headers);
  const { origin, pathname } = new URL(url);
  const method = init.method ?? "GET";
  const token = headers.get("authorization")?.replace(/^Bearer /, "");
  if (settings.dpop && (token || pathname === "/oauth2/token")) {
    if (token) headers.set("authorization", `DPoP ${token}`);
    headers.set("dpop", await generateProof(pair, origin + pathname, method, undefined, token));
  }
  if (pathname === "/oauth2/register" && settings.registration_token) {
    headers.set("authorization", `Bearer ${settings.registration_token}`);
  }
  const response = await fetch(url, { ...init, headers });
  const proof = headers.has("dpop");
  calls.push({ method, origin, path: pathname, status: response.status, proof, nonce: false });
  return response;
}

function open() {
  transport = new StreamableHTTPClientTransport(new URL(settings.url), {
    authProvider: provider,
    fetch: proving,
  });
  client = new Client({ name: "agent", version: "1.0.0" });
}

const commands = {
  begin: async (given) => {
    settings = given;
    pair = await generateKeyPair("ES256");
    provider = new Provider();
    return {};
  },

  /** Connects, or tells where the user has to go first. */
  connect: async () => {
    open();
    try {
      await client.connect(transport);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      return { authorize: provider.authorizationUrl().href };
    }
    return { connected: client.getServerVersion().name };
  },

  callback: async ({ url, issuer }) => {
    const { searchParams } = new URL(url);
    if (searchParams.get("state") !== provider.state()) throw new Error("another state");
    if (searchParams.get("iss") !== issuer) throw new Error("another issuer");
    await transport.finishAuth(searchParams.get("code"));
    const { access_token, refresh_token, token_type, scope } = provider.tokens();
    return { access_token, refresh_token, token_type, scope };
  },

  tools: async () => ({ names: (await client.listTools()).tools.map(({ name }) => name) }),
  call: async ({ name }) => JSON.parse((await client.callTool({ name })).content[0].text),

  refresh: async () => {
    const outcome = await auth(provider, { serverUrl: settings.url, fetchFn: proving });
    const { access_token, token_type } = provider.tokens();
    return { outcome, access_token, token_type };
  },

  /** From now on another key proves what the requests come with. */
  steal: async () => {
    pair = await generateKeyPair("ES256");
    return {};
  },

  /** Shows a token at an address, and tells the answer. */
  show: async ({ url, token }) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
    const response = await proving(url, { method: "POST", headers, body });
    return { status: response.status, challenge: response.headers.get("www-authenticate") };
  },
};

await obey(commands, () => calls.splice(0));
