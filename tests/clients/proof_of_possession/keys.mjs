// The key that an application signs its assertions and requests with.

import * as oauth from "oauth4webapi";

/** A new key pair: what is registered of it, and what the libraries sign with. */
export async function signingKey(alg) {
  const pair = await oauth.generateKeyPair(alg, { extractable: true });
  const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const kid = "the application's";
  delete jwk.key_ops;
  delete jwk.ext;
  return { public: { ...jwk, alg, kid, use: "sig" }, signing: { key: pair.privateKey, kid } };
}
