// A certified OpenID provider (npm: oidc-provider) for tests: node openid.mjs REDIRECT_URI…
// It prints its address once it listens, and ends with its standard input. PUT /test/accounts replaces the people.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

let accounts = {}
const jwk = (type, options, alg, kid) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid })

const server = createServer()
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'gatehouse-client', client_secret: 'gatehouse-secret-9f3c', redirect_uris: process.argv.slice(2),
      grant_types: ['authorization_code', 'client_credentials'], response_types: ['code'],
    },
  ],
  jwks: { keys: [jwk('rsa', { modulusLength: 2048 }, 'RS256', 'rsa-1'), jwk('ec', { namedCurve: 'P-256' }, 'ES256', 'ec-1')] },
  cookies: { keys: ['a-key-for-tests'] },
  pkce: { required: () => true },
  claims: {
    openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username', 'name'], groups: ['groups', 'realm_access'],
  },
  scopes: ['openid', 'email', 'profile', 'groups'],
  findAccount: (ctx, sub) => (sub in accounts ? { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) } : undefined),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => [],
      getResourceServerInfo: (ctx, resource) => ({ audience: resource.split(':').at(-1), scope: 'llm.chat', accessTokenFormat: 'jwt', accessTokenTTL: 300 }),
    },
  },
})

const serve = provider.callback()
server.on('request', (req, res) => {
  if (req.method !== 'PUT' || req.url !== '/test/accounts') return serve(req, res)
  let body = ''
  req.on('data', (part) => { body += part })
  req.on('end', () => {
    accounts = JSON.parse(body)
    res.end()
  })
})
console.log(issuer)
process.stdin.on('end', () => process.exit(0)).resume()
