// The peer of the benchmark: oidc-provider with its in-memory adapter, over HTTPS.
//
// usage: node server.mjs CONFIG.json
// Members of the configuration: port; certificate and key (paths of PEM files); client_secret; username;
// password; password_hash { memory_kib, passes, lanes }; fill (how many opaque access tokens to issue
// before it listens), sample { every, file } (which of them to write down, one a line) and session (the
// file to write the cookie of a signed-in browser to).

import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { once } from 'node:events';
import { hash, verify } from '@node-rs/argon2';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { errors } from 'oidc-provider';
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';
import LRU from 'oidc-provider/lib/helpers/lru.js';

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const RESOURCE = 'urn:bench';
const LIFETIME = 3600;
const BY_CERTIFICATE = { tls_client_certificate_bound_access_tokens: true };

// The adapter as it comes keeps the last thousand records only. Given more room it loses none.
function roomyMemory() {
  const storage = new LRU({ maxSize: 8_000_000 });
  return (model) => new MemoryAdapter(model, storage);
}

function client(client_id, grant_types, redirect_uris = [], bound = {}) {
  return {
    ...bound,
    client_id,
    client_secret: config.client_secret,
    grant_types,
    redirect_uris,
    response_types: redirect_uris.length ? ['code'] : [],
    id_token_signed_response_alg: 'ES256',
  };
}

async function provider() {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return new Provider(`https://localhost:${config.port}`, {
    adapter: roomyMemory(),
    clients: [
      client('opaque', ['client_credentials']),
      client('jwt', ['client_credentials']),
      client('user', ['password', 'refresh_token']),
      client('web', ['authorization_code'], ['https://app.example/callback']),
      client('dpop', ['client_credentials'], [], { dpop_bound_access_tokens: true }),
      client('certificate', ['client_credentials'], [], BY_CERTIFICATE),
      client('user-certificate', ['password', 'refresh_token'], [], BY_CERTIFICATE),
    ],
    jwks: { keys: [{ ...jwk, alg: 'ES256', use: 'sig' }] },
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    ttl: {
      AccessToken: LIFETIME,
      ClientCredentials: LIFETIME,
      RefreshToken: 86_400,
      Grant: 86_400,
      Session: 86_400,
      IdToken: LIFETIME,
      AuthorizationCode: 60,
    },
    rotateRefreshToken: false,
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    routes: {
      authorization: '/oauth2/authorize',
      token: '/oauth2/token',
      introspection: '/oauth2/introspect',
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      dPoP: { enabled: true, requireNonce: () => false },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: (ctx) => ctx.req.socket.getPeerX509Certificate(),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, { clientId }) => (['jwt', 'dpop', 'certificate'].includes(clientId) ? RESOURCE : undefined),
        getResourceServerInfo: () => ({
          scope: 'profile email',
          audience: RESOURCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: LIFETIME,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
}

async function passwordVerifier() {
  const { memory_kib: memoryCost, passes: timeCost, lanes: parallelism } = config.password_hash;
  const stored = await hash(config.password, { memoryCost, timeCost, parallelism });
  return async (username, password) => username === config.username && verify(stored, password);
}

// The password grant, which oidc-provider leaves to its users to add.
async function addPasswordGrant(server) {
  const isRight = await passwordVerifier();
  server.registerGrantType('password', async (ctx) => {
    const { client: application, params } = ctx.oidc;
    if (!await isRight(params.username, params.password)) {
      throw new errors.InvalidGrant('wrong username or password');
    }
    const about = { accountId: params.username, client: application, gty: 'password' };
    const grant = new server.Grant({ accountId: params.username, clientId: application.clientId });
    grant.addOIDCScope('profile email');
    const grantId = await grant.save();
    const access = new server.AccessToken({ ...about, grantId, scope: 'profile email' });
    const refresh = new server.RefreshToken({ ...about, grantId, scope: 'profile email' });
    ctx.body = {
      access_token: await access.save(),
      refresh_token: await refresh.save(),
      expires_in: access.expiration,
      token_type: access.tokenType,
      scope: access.scope,
    };
  }, ['username', 'password', 'scope']);
}

// A session in which the user has signed in and consented, as its own handlers leave it behind.
async function signIn(server) {
  const grant = new server.Grant({ accountId: config.username, clientId: 'web' });
  grant.addOIDCScope('openid profile');
  const session = new server.Session();
  session.loginAccount({ accountId: config.username });
  session.ensureClientContainer('web');
  session.grantIdFor('web', await grant.save(LIFETIME));
  await session.save(LIFETIME);
  writeFileSync(config.session, `_session=${session.id}`);
}

// Issues tokens the way that its client_credentials handler does, short of HTTP.
async function fill(server) {
  const application = await server.Client.find('opaque');
  const sample = createWriteStream(config.sample.file);
  for (let count = 0; count < config.fill; count += 1) {
    const token = await new server.ClientCredentials({ client: application }).save();
    if (count % config.sample.every === 0) sample.write(`${token}\n`);
  }
  sample.end();
  await once(sample, 'finish');
}

const server = await provider();
await addPasswordGrant(server);
if (config.fill) await fill(server);
await signIn(server);
const tls = {
  cert: readFileSync(config.certificate),
  key: readFileSync(config.key),
  ALPNProtocols: ['http/1.1'],
  // Asked for and taken as it comes: tokens are bound to it, nobody is authenticated by it.
  requestCert: true,
  rejectUnauthorized: false,
};
createServer(tls, server.callback()).listen(config.port, '127.0.0.1', () => console.log('ready'));
