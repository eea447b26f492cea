// A recipient's program on `openid-client`, unmodified. One JSON command a line in, one JSON answer a line out:
// {"do": NAME, ...} -> {"ok": VALUE} or {"error": CODE, "description": TEXT, "status": NUMBER}.

import * as readline from 'node:readline'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'

let config, DPoP, verifier, state, signing

async function discover({ issuer, client_id, jwk, metadata }) {
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  signing = { key, kid: jwk.kid }
  config = await client.discovery(
    new URL(issuer), client_id, metadata ?? {}, client.PrivateKeyJwt({ key, kid: jwk.kid }),
    { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
  )
  DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  return config.serverMetadata()
}

async function request_for({ details, redirect_uri }) {
  verifier = client.randomPKCECodeVerifier()
  state = client.randomState()
  return {
    redirect_uri,
    state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    authorization_details: JSON.stringify(details),
  }
}

async function push(given) {
  const url = await client.buildAuthorizationUrlWithPAR(config, await request_for(given), { DPoP })
  return url.href
}

async function push_signed({ beside, ...given }) {
  const signed = await client.buildAuthorizationUrlWithJAR(config, await request_for(given), signing)
  const parameters = new URLSearchParams({ ...Object.fromEntries(signed.searchParams), ...beside })
  const url = await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
  return { url: url.href, request: parameters.get('request') }
}

const exchange = ({ callback, expected_state }) => client.authorizationCodeGrant(
  config, new URL(callback), { pkceCodeVerifier: verifier, expectedState: expected_state ?? state }, undefined, { DPoP },
)

const refresh = ({ token, parameters }) => client.refreshTokenGrant(config, token, parameters ?? {}, { DPoP })

async function redeem({ token, url, body, idempotency_key }) {
  const headers = new Headers({ 'content-type': 'application/json' })
  if (idempotency_key) headers.set('idempotency-key', idempotency_key)
  const answer = await client.fetchProtectedResource(
    config, token, new URL(url), 'POST', JSON.stringify(body ?? {}), headers, { DPoP },
  )
  return { status: answer.status, body: await answer.json() }
}

async function resource_metadata({ url }) {
  const resource = new URL(url)
  const answer = await oauth.resourceDiscoveryRequest(resource, { [oauth.allowInsecureRequests]: true })
  return oauth.processResourceDiscoveryResponse(resource, answer)
}

async function own_token({ scope }) {
  return client.clientCredentialsGrant(config, { scope }, { DPoP })
}

async function manage({ token, url, method }) {
  const answer = await client.fetchProtectedResource(config, token, new URL(url), method, undefined, undefined, { DPoP })
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() }
}

const introspect = ({ token }) => client.tokenIntrospection(config, token)

const revoke = async ({ token }) => (await client.tokenRevocation(config, token)) ?? null

const device = ({ parameters }) => client.initiateDeviceAuthorization(config, parameters)

const poll_device = ({ started }) => client.pollDeviceAuthorizationGrant(config, started, undefined, { DPoP })

const backchannel = ({ parameters }) => client.initiateBackchannelAuthentication(config, parameters)

const poll_backchannel = ({ started }) => client.pollBackchannelAuthenticationGrant(config, started, undefined, { DPoP })

async function verify({ compact, jwks, typ }) {
  const keys = jose.createLocalJWKSet(jwks)
  const { payload, protectedHeader } = await jose.jwtVerify(compact, keys, { typ })
  return { payload, header: protectedHeader }
}

const COMMANDS = {
  discover, resource_metadata, push, push_signed, exchange, refresh, redeem, own_token, manage, introspect, revoke, device, poll_device, backchannel, poll_backchannel, verify,
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { do: name, ...given } = JSON.parse(line)
  let answer
  try {
    answer = { ok: await COMMANDS[name](given) }
  } catch (error) {
    answer = {
      error: error.error ?? error.code ?? error.name,
      description: error.error_description ?? error.message,
      status: error.status ?? null,
    }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
