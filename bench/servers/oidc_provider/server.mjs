// npm oidc-provider as its documentation has it for machines: client_credentials, in its own in-memory adapter.
// node server.mjs PORT FORMAT CLIENT_ID CLIENT_SECRET; FORMAT is "jwt" (ES256) or "opaque". Prints "ready".
import { generateKeyPairSync } from "node:crypto";
import { Provider } from "oidc-provider";

const [port, format, clientId, clientSecret] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const resource = "https://api.example";
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: "ES256",
      scope: "read:pets write:pets",
    },
  ],
  jwks: { keys: [{ ...key, alg: "ES256", use: "sig", kid: "bench" }] },
  cookies: { keys: ["bench"] },
  scopes: ["read:pets", "write:pets"],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "read:pets write:pets",
        accessTokenTTL: 900,
        accessTokenFormat: format,
        ...(format === "jwt" ? { jwt: { sign: { alg: "ES256" } } } : {}),
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
