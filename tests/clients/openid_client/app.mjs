// A web application that signs its user in with openid-client, as the library's documentation has it.
// It serves one browser and shows what it learnt as JSON, so that a test can read it there.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node.js 18 has it there only
const client = await import("openid-client");

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { issuer, client_id, client_secret, origin, certificate, key } = settings;

const authentication = client_secret ? client.ClientSecretBasic(client_secret) : client.None();
const config = await client.discovery(new URL(issuer), client_id, undefined, authentication);
// The signature of the ID token is checked too, not only that it came over TLS.
client.enableNonRepudiationChecks(config);

const expected = {};
let tokens;

const pages = {
  "/": async () => ({ library: "openid-client" }),

  "/login": async (url) => {
    expected.pkceCodeVerifier = client.randomPKCECodeVerifier();
    expected.expectedState = client.randomState();
    expected.expectedNonce = client.randomNonce();
    return client.buildAuthorizationUrl(config, {
      redirect_uri: `${origin}/callback`,
      scope: "openid profile email offline_access",
      code_challenge: await client.calculatePKCECodeChallenge(expected.pkceCodeVerifier),
      code_challenge_method: "S256",
      state: expected.expectedState,
      nonce: expected.expectedNonce,
      ...Object.fromEntries(url.searchParams),
    });
  },

  "/callback": async (url, request) => {
    const answer = request.method === "POST" ? await posted(url, request) : url;
    tokens = await client.authorizationCodeGrant(config, answer, expected);
    return { id_token: tokens.claims(), tokens };
  },

  "/userinfo": async () =>
    client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub),

  "/refresh": async () => {
    const { sub } = tokens.claims();
    const { id_token, refresh_token } = tokens;
    tokens = await client.refreshTokenGrant(config, tokens.refresh_token);
    if (tokens.claims().sub !== sub) throw new Error("the ID token names another user");
    tokens = Object.assign(tokens, { refresh_token: tokens.refresh_token ?? refresh_token });
    return { id_token: tokens.claims(), tokens, renewed: tokens.id_token !== id_token };
  },

  "/introspect": async () => client.tokenIntrospection(config, tokens.access_token),

  "/revoke": async () => {
    await client.tokenRevocation(config, tokens.refresh_token);
    return {};
  },

  "/logout": async () => {
    expected.logoutState = client.randomState();
    return client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: `${origin}/signed-out`,
      state: expected.logoutState,
    });
  },

  "/signed-out": async (url) => ({
    signed_out: url.searchParams.get("state") === expected.logoutState,
  }),
};

/** The request of the response mode form_post, as the library wants it. */
async function posted(url, request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const { headers, method } = request;
  return new Request(url, { method, headers: { "content-type": headers["content-type"] }, body: Buffer.concat(parts) });
}

/** What is told of a failure: the server's error where there is one, else the library's. */
function told(error) {
  const { cause, message, code, error: name, error_description } = error;
  return {
    error: name ?? code ?? message,
    error_description: error_description ?? cause?.message ?? message,
  };
}

async function answer(request, response) {
  const url = new URL(request.url, origin);
  try {
    const page = pages[url.pathname];
    if (!page) throw Object.assign(new Error("no such page"), { code: "not_found" });
    const shown = await page(url, request);
    if (shown instanceof URL) {
      response.writeHead(302, { location: shown.href }).end();
    } else {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(shown));
    }
  } catch (error) {
    console.error(error);
    response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(told(error)));
  }
}

const tls = { cert: readFileSync(certificate), key: readFileSync(key) };
createServer(tls, answer).listen(new URL(origin).port, "127.0.0.1");
