// A provider to sign in with, for tests: the certified oidc-provider, without its pages. Whoever
// comes with the header `x-test-user` is signed in as what it says: a name, then `;`, then realm
// roles with commas, then `;`, then what is to be wrong with the identity token, if anything.
//
//   node provider.mjs [PORT [PATH]]    prints `listening PORT`; ends with its standard input
import { webcrypto } from "node:crypto";
import { createServer } from "node:http";

// What Node 18 has not, or by another name.
globalThis.crypto ??= webcrypto;
URL.parse ??= (text) => (URL.canParse(text) ? new URL(text) : null);
const { Provider } = await import("oidc-provider");
const { exportJWK, generateKeyPair, SignJWT, decodeJwt } = await import("jose");

const own = { alg: "RS256", use: "sig", kid: "own" };
const key = await generateKeyPair("RS256", { extractable: true });
const stranger = await generateKeyPair("RS256");
const roles = new Map();
const wrongs = new Map();

const server = createServer();
await new Promise((done) => server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", done));
const path = process.argv[3] ?? "";
const issuer = `http://127.0.0.1:${server.address().port}${path}`;
const secret = "a secret: with+odd/characters%and a space";

const client = (client_id) => ({
  client_id,
  client_secret: secret,
  // Of a native client on loopback the port is not looked at (RFC 8252, 7.3).
  application_type: "native",
  redirect_uris: ["http://127.0.0.1/api/v1/oidc/callback"],
  grant_types: ["authorization_code"],
  response_types: ["code"],
});

const provider = new Provider(issuer, {
  clients: [client("daytrade"), client("other")],
  jwks: { keys: [{ ...(await exportJWK(key.privateKey)), ...own }] },
  cookies: { keys: ["of a test"] },
  claims: { openid: ["sub"], profile: ["preferred_username", "name"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (_, accountId) => ({
    accountId,
    claims: () => ({
      sub: accountId,
      preferred_username: accountId.replace(/-again$/, ""),
      email: `${accountId}@example.com`,
      email_verified: true,
    }),
  }),
  // Keycloak has the roles in the access token, which is a JWT.
  extraTokenClaims: (_, token) => ({
    azp: token.clientId,
    realm_access: { roles: roles.get(token.accountId) ?? [] },
  }),
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:test:account",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: "openid", audience: "account", accessTokenFormat: "jwt" }),
    },
  },
  loadExistingGrant: async (ctx) => {
    const { provider, client, session } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile email");
    grant.addResourceScope("urn:test:account", "openid");
    await grant.save();
    return grant;
  },
});

const sign = (claims, header, by) => new SignJWT(claims).setProtectedHeader(header).sign(by);
const header = { alg: "RS256", kid: "own" };
const now = () => Math.floor(Date.now() / 1000);
const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** What a liar makes of an identity token. */
const LIES = {
  audience: (claims) => sign({ ...claims, aud: "other" }, header, key.privateKey),
  audiences: (claims) => sign({ ...claims, aud: ["other", "daytrade"], azp: "other" }, header, key.privateKey),
  issuer: (claims) => sign({ ...claims, iss: "https://evil.example" }, header, key.privateKey),
  expired: (claims) => sign({ ...claims, exp: now() - 3600 }, header, key.privateKey),
  nonce: ({ nonce, ...claims }) => sign(claims, header, key.privateKey),
  key: (claims) => sign(claims, header, stranger.privateKey),
  kid: (claims) => sign(claims, { ...header, kid: "new" }, stranger.privateKey),
  hmac: (claims) => sign(claims, { alg: "HS256" }, Buffer.from(secret)),
  none: (claims) => `${base64({ alg: "none" })}.${base64(claims)}.`,
  payload: (claims, token) => {
    const [head, , signature] = token.split(".");
    return `${head}.${base64({ ...claims, sub: "somebody-else" })}.${signature}`;
  },
  noise: () => "no token at all",
};

provider.use(async (ctx, next) => {
  await next();
  const token = ctx.path.endsWith("/token") && ctx.body?.id_token;
  if (!token) return;
  const claims = decodeJwt(token);
  const lie = LIES[wrongs.get(claims.sub)];
  if (lie) ctx.body.id_token = await lie(claims, token);
});

const answer = provider.callback();
server.on("request", async (request, response) => {
  if (!request.url.startsWith("/interaction/")) {
    // As one that is mounted at a path sees it.
    request.originalUrl = request.url;
    if (request.url.startsWith(path)) request.url = request.url.slice(path.length) || "/";
    return answer(request, response);
  }
  const [name, held, wrong] = String(request.headers["x-test-user"] ?? "").split(";");
  roles.set(name, held ? held.split(",") : []);
  wrongs.set(name, wrong);
  const result = name ? { login: { accountId: name }, consent: {} } : { error: "access_denied" };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
});

process.stdin.resume().on("end", () => process.exit(0));
console.log(`listening ${server.address().port}`);
