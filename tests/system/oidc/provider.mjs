// SPDX-License-Identifier: ISC
// An OpenID provider (oidc-provider) on loopback: node provider.mjs MODULES PORT CERT KEY. Who logs in as NAME is
// NAME@example.org. Lines on standard input change it: "rotate" (another key signs from now on, the old one is shown no more),
// "answer KIND" (what every request gets instead of the provider's answer; "answer" ends that). Standard output: "ready" after
// each, and one line for each request.
import { createRequire } from 'node:module';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [modules, port, cert, key] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(createRequire(modules + '/').resolve('oidc-provider')));
const issuer = `https://localhost:${port}`;
const redirect = 'https://localhost/back';
let instead = '';

function makeProvider() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const common = { redirect_uris: [redirect], response_types: ['code'], grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'client_secret_post' };
  return new Provider(issuer, {
    clients: [
      { client_id: 'thunderbird', client_secret: 'of the program', ...common },
      { client_id: 'wiki', client_secret: 'of the wiki', ...common },
      { client_id: 'mail server', client_secret: 'of: the server/100%', redirect_uris: [], response_types: [], grant_types: [] },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['x'] },
    pkce: { required: () => false },
    scopes: ['openid', 'mail'],
    claims: { openid: ['sub'] },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: (ctx, token) => ({ email: `${token.accountId}@example.org`, email_verified: true }),
    features: {
      devInteractions: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (ctx, client) => client.clientId === 'mail server' },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => ({ scope: 'mail', audience: 'mail', accessTokenTTL: 600, jwt: { sign: { alg: 'RS256' } },
          accessTokenFormat: resource.endsWith('/jwt') ? 'jwt' : 'opaque' }),
      },
    },
  });
}

const answers = {
  redirect: (res) => res.writeHead(302, { location: `${issuer}/elsewhere` }).end(),
  long: (res) => res.writeHead(200, { 'content-type': 'application/json' }).end(`{"active":true,"x":"${'x'.repeat(100000)}"}`),
  garbage: (res) => res.writeHead(200, { 'content-type': 'application/json' }).end('{"active": "yes", "issuer": "https://evil.test"'),
  text: (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('{"active": true}'),
  error: (res) => res.writeHead(500).end(),
  slow: () => {},
};

console.warn = console.info = () => {};
let handler = makeProvider().callback();
const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (req, res) => {
  console.log(req.url);
  if (instead) answers[instead](res);
  else handler(req, res);
});
server.listen(Number(port), () => console.log('ready'));
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'rotate') handler = makeProvider().callback();
  else instead = line.split(' ')[1] || '';
  console.log('ready');
}).on('close', () => process.exit(0));
