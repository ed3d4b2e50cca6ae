// Writes dpop_proofs.json: `node dpop_proofs.mjs > dpop_proofs.json`. The proofs are made by WebCrypto, with fresh keys each
// time; only those of RFC 9449 itself stay the same.
import { createHash, webcrypto } from "node:crypto";

const NOW = 1700000000;
const URL = "https://server.example/oauth2/token";
const USERINFO = "https://server.example/oauth2/userinfo";
const TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

const SIGNATURES = {
  ES256: [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
  PS256: [
    { name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    { name: "RSA-PSS", saltLength: 32 },
  ],
  RS256: [
    { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    { name: "RSASSA-PKCS1-v1_5" },
  ],
  EdDSA: [{ name: "Ed25519" }, { name: "Ed25519" }],
};
const MEMBERS = { EC: ["crv", "kty", "x", "y"], RSA: ["e", "kty", "n"], OKP: ["crv", "kty", "x"] };

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");
const sha256 = (text) => base64url(createHash("sha256").update(text).digest());
const pick = (jwk) => Object.fromEntries(MEMBERS[jwk.kty].map((name) => [name, jwk[name]]));

async function key(alg) {
  const pair = await webcrypto.subtle.generateKey(SIGNATURES[alg][0], true, ["sign", "verify"]);
  const jwk = pick(await webcrypto.subtle.exportKey("jwk", pair.publicKey));
  const secret = await webcrypto.subtle.exportKey("jwk", pair.privateKey);
  const sign = async (text) =>
    base64url(await webcrypto.subtle.sign(SIGNATURES[alg][1], pair.privateKey, Buffer.from(text)));
  return { alg, jwk, secret, sign, jkt: sha256(JSON.stringify(jwk)) };
}

const keys = {};
for (const alg of Object.keys(SIGNATURES)) keys[alg] = await key(alg);
const other = await key("ES256");

let number = 0;
async function proof(header = {}, claims = {}, { by = keys.ES256, signedBy = by } = {}) {
  number += 1;
  const whole = { typ: "dpop+jwt", alg: by.alg, jwk: by.jwk, ...header };
  const all = { jti: `jti-${number}`, htm: "POST", htu: URL, iat: NOW, ...claims };
  const message = [whole, all].map((part) => base64url(JSON.stringify(part))).join(".");
  return `${message}.${await signedBy.sign(message)}`;
}

const RFC = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
const RFC_TOKEN_REQUEST = `${RFC}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg`;
const RFC_RESOURCE_REQUEST = `${RFC}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA`;
const RFC_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

const cases = [];
const at = (proofs, more) => ({ proofs: [proofs].flat(), method: "POST", url: URL, now: NOW, ...more });
const accept = (name, rfc, proofs, more) => cases.push({ name, rfc, ...at(proofs, more), expected: "accepted", jkt: more?.jkt ?? keys.ES256.jkt });
const refuse = (expected, name, rfc, proofs, more) => cases.push({ name, rfc, ...at(proofs, more), expected });

accept("the example of a token request", "RFC 9449 section 5", RFC_TOKEN_REQUEST, { url: "https://server.example.com/token", now: 1562262616, jkt: RFC_JKT });
accept("the example of a resource request", "RFC 9449 section 7.1", RFC_RESOURCE_REQUEST, { method: "GET", url: "https://resource.example.org/protectedresource", now: 1562262618, access_token: TOKEN, jkt: RFC_JKT });
for (const alg of ["ES256", "PS256", "EdDSA"]) accept(`a proof by ${alg}`, "RFC 9449 section 4.2", await proof({}, {}, { by: keys[alg] }), { jkt: keys[alg].jkt });
accept("alg Ed25519", "RFC 9864 section 2.2", await proof({ alg: "Ed25519" }, {}, { by: keys.EdDSA }), { jkt: keys.EdDSA.jkt });
accept("members that nobody knows", "RFC 7515 section 4, RFC 7519 section 4", await proof({ kid: "1", x: {} }, { iss: "app", x: [1] }));
accept("a jwk with more members", "RFC 7517 section 4", await proof({ jwk: { ...keys.ES256.jwk, kid: "1", use: "sig", ext: true } }));
accept("a nonce that nobody asked for", "RFC 9449 section 4.3, check 10", await proof({}, { nonce: "x" }));
accept("an ath without an access token", "RFC 9449 section 4.3, check 12", await proof({}, { ath: "x" }));
accept("nbf and exp that hold", "RFC 7519 section 4.1", await proof({}, { nbf: NOW + 10, exp: NOW - 9 }));
accept("an iat with a fraction", "RFC 7519 section 2", await proof({}, { iat: NOW + 0.75 }));
for (const offset of [-60, -10, 10]) accept(`an iat ${offset} seconds off`, "RFC 9449 section 11.1", await proof({}, { iat: NOW + offset }));
accept("a jti of 255 bytes", "RFC 9449 section 11.1", await proof({}, { jti: "j".repeat(255) }));
accept("htu with a query and a fragment", "RFC 9449 section 4.3, check 9", await proof({}, { htu: `${URL}?a=b#c` }));
accept("htu in another form", "RFC 3986 sections 6.2.2 and 6.2.3", await proof({}, { htu: "HTTPS://SERVER.example:443/x/../oauth2/%74oken" }));

refuse("Unusable", "two headers", "RFC 9449 section 4.3, check 1", [await proof(), await proof()]);
refuse("Malformed", "no JWT", "RFC 9449 section 4.3, check 2", "x");
refuse("Malformed", "two JWTs in one header", "RFC 9449 section 4.3, check 2", `${await proof()}, ${await proof()}`);
refuse("Malformed", "an encrypted JWT", "RFC 9449 section 4.3, check 2", "e30.e30.e30.e30.e30");
for (const name of ["jti", "htm", "htu", "iat"]) {
  refuse("Claim", `without ${name}`, "RFC 9449 section 4.3, check 3", await proof({}, { [name]: undefined }));
  refuse("Claim", `${name} of another type`, "RFC 9449 section 4.3, check 3", await proof({}, { [name]: ["x"] }));
}
refuse("Claim", "an empty jti", "RFC 9449 section 4.2", await proof({}, { jti: "" }));
refuse("Claim", "a jti of 256 bytes", "RFC 9449 section 4.2", await proof({}, { jti: "j".repeat(256) }));
refuse("Claim", "a negative iat", "RFC 9449 section 4.2", await proof({}, { iat: -1 }));
refuse("Claim", "exp as a text", "RFC 7519 section 4.1.4", await proof({}, { exp: "soon" }));
refuse("Type", "without typ", "RFC 9449 section 4.3, check 4", await proof({ typ: undefined }));
refuse("Type", "another typ", "RFC 9449 section 4.3, check 4", await proof({ typ: "JWT" }));
refuse("Algorithm", "without alg", "RFC 9449 section 4.3, check 5", await proof({ alg: undefined }));
refuse("Algorithm", "alg none", "RFC 9449 section 4.3, check 5", (await proof({ alg: "none" })).replace(/[^.]*$/, ""));
refuse("Algorithm", "a symmetric alg", "RFC 9449 section 4.3, check 5", await proof({ alg: "HS256" }));
refuse("Algorithm", "RS256", "RFC 9449 section 4.3, check 5", await proof({}, {}, { by: keys.RS256 }));
refuse("Signature", "signed by another key", "RFC 9449 section 4.3, check 6", await proof({}, {}, { signedBy: other }));
refuse("Signature", "without a signature", "RFC 9449 section 4.3, check 6", (await proof()).replace(/[^.]*$/, ""));
refuse("Signature", "a header that is critical", "RFC 7515 section 4.1.11", await proof({ crit: ["b64"], b64: true }));
refuse("Key", "without jwk", "RFC 9449 section 4.3, check 6", await proof({ jwk: undefined }));
refuse("Key", "a jwk that does not fit alg", "RFC 8725 section 3.1", await proof({ jwk: keys.PS256.jwk }));
refuse("Key", "jwk as a text", "RFC 9449 section 4.3, check 6", await proof({ jwk: JSON.stringify(keys.ES256.jwk) }));
refuse("UnusableKey", "a jwk that lacks y", "RFC 7518 section 6.2.1", await proof({ jwk: { ...keys.ES256.jwk, y: undefined } }));
for (const alg of ["ES256", "PS256", "EdDSA"]) refuse("UnusableKey", `a private key of ${alg}`, "RFC 9449 section 4.3, check 7", await proof({ jwk: keys[alg].secret }, {}, { by: keys[alg] }));
refuse("UnusableKey", "a symmetric key", "RFC 9449 section 4.3, check 7", await proof({ jwk: { kty: "oct", k: "AAAA" } }));
for (const htm of ["GET", "post", ""]) refuse("Method", `htm ${htm}`, "RFC 9449 section 4.3, check 8", await proof({}, { htm }));
for (const htu of [USERINFO, "http://server.example/oauth2/token", "https://server.example:8443/oauth2/token", "https://server.example/oauth2/token/", "https://evil.example/oauth2/token", "/oauth2/token", ""]) {
  refuse("Url", `htu ${htu}`, "RFC 9449 section 4.3, check 9", await proof({}, { htu }));
}
refuse("TooOld", "an iat 61 seconds back", "RFC 9449 section 4.3, check 11", await proof({}, { iat: NOW - 61 }));
refuse("TooOld", "an iat one hour back", "RFC 9449 section 4.3, check 11", await proof({}, { iat: NOW - 3600 }));
refuse("TooOld", "iat in milliseconds of 1970", "RFC 9449 section 4.3, check 11", await proof({}, { iat: 0 }));
refuse("TooOld", "expired by its own exp", "RFC 7519 section 4.1.4", await proof({}, { exp: NOW - 10 }));
refuse("FromTheFuture", "an iat 11 seconds ahead", "RFC 9449 section 4.3, check 11", await proof({}, { iat: NOW + 11 }));
refuse("FromTheFuture", "an iat one hour ahead", "RFC 9449 section 4.3, check 11", await proof({}, { iat: NOW + 3600 }));
refuse("FromTheFuture", "iat in milliseconds", "RFC 9449 section 4.3, check 11", await proof({}, { iat: NOW * 1000 }));
refuse("FromTheFuture", "not before a time that is ahead", "RFC 7519 section 4.1.5", await proof({}, { nbf: NOW + 11 }));
const use = { method: "GET", url: USERINFO, access_token: TOKEN };
accept("with the hash of the access token", "RFC 9449 section 4.3, check 12", await proof({}, { htm: "GET", htu: USERINFO, ath: sha256(TOKEN) }), use);
refuse("AccessToken", "without ath", "RFC 9449 section 4.3, check 12", await proof({}, { htm: "GET", htu: USERINFO }), use);
for (const ath of [sha256("x"), TOKEN, `${sha256(TOKEN)}=`, 1]) refuse("AccessToken", `ath ${ath}`, "RFC 9449 section 4.3, check 12", await proof({}, { htm: "GET", htu: USERINFO, ath }), use);

console.log(`[\n${cases.map((each) => JSON.stringify(each)).join(",\n")}\n]`);
