// A protected resource that speaks MCP, on the SDK. Its tokens are checked by oauth4webapi, as JWTs and by introspection.

import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node.js 18 has it there only
const oauth = await import("oauth4webapi");
const { obey } = await import("./commands.mjs");

const WELL_KNOWN = "/.well-known/oauth-protected-resource";
const resources = new Map();
let origin;

/** Whose token the request shows, if it is for this resource, alive, and shown by whom it is bound to. */
async function admit(request, { document, server, observer, secret, dpop }) {
  const options = { requireDPoP: dpop };
  const claims = await oauth.validateJwtAccessToken(server, request, document.resource, options);
  const token = request.headers.get("authorization").split(" ")[1];
  const authentication = oauth.ClientSecretBasic(secret);
  const asked = await oauth.introspectionRequest(server, observer, authentication, token);
  const told = await oauth.processIntrospectionResponse(server, observer, asked);
  if (!told.active) throw new Error("the token is not alive");
  if (told.cnf?.jkt !== claims.cnf?.jkt) throw new Error("the two disagree");
  return { token, clientId: claims.client_id, scopes: claims.scope.split(" "), extra: claims };
}

function challenge(request, { metadata, reason }) {
  const told = request.headers.has("authorization")
    ? `error="invalid_token", error_description="${reason.replaceAll('"', "'")}", `
    : "";
  const parameters = `${told}resource_metadata="${metadata}"`;
  const header = `Bearer ${parameters}, DPoP ${parameters}, algs="ES256"`;
  return new Response(null, { status: 401, headers: { "www-authenticate": header } });
}

async function answer(request) {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith(WELL_KNOWN)) {
    const found = resources.get(pathname.slice(WELL_KNOWN.length));
    return found ? Response.json(found.document) : new Response(null, { status: 404 });
  }
  const resource = resources.get(pathname);
  if (!resource) return new Response(null, { status: 404 });
  let authInfo;
  try {
    authInfo = await admit(request, resource);
  } catch (error) {
    console.error(error);
    const metadata = `${origin}${WELL_KNOWN}${pathname}`;
    return challenge(request, { metadata, reason: error.message });
  }
  return speak(request, authInfo);
}

/** MCP, without sessions. */
async function speak(request, authInfo) {
  const server = new McpServer({ name: "api", version: "1.0.0" });
  server.registerTool("whoami", { description: "Whose token it is" }, ({ authInfo }) => {
    const { sub, client_id, aud, scope } = authInfo.extra;
    return { content: [{ type: "text", text: JSON.stringify({ sub, client_id, aud, scope }) }] };
  });
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  return transport.handleRequest(request, { authInfo });
}

async function receive(incoming, outgoing) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const { method, url, headers } = incoming;
  const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
  const response = await answer(new Request(origin + url, { method, headers, body }));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

const commands = {
  listen: async ({ certificate, key }) => {
    const [cert, pem] = [certificate, key].map((path) => readFileSync(path));
    const server = createServer({ cert, key: pem }, receive);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `https://localhost:${server.address().port}`;
    return { origin };
  },

  /** Serves a resource, described by its document alone. */
  serve: async ({ document, client_id, client_secret, dpop }) => {
    const issuer = new URL(document.authorization_servers[0]);
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2" });
    resources.set(new URL(document.resource).pathname, {
      document,
      server: await oauth.processDiscoveryResponse(issuer, discovered),
      observer: { client_id },
      secret: client_secret,
      dpop,
    });
    return {};
  },
};

await obey(commands);
