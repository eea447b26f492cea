// `@sigstore/verify`, unmodified, on other logs than its own. One JSON question a line in, one JSON answer a line out:
// {"note", "key", "key_id", "name", "entry", "index", "path", "root"} -> {"ok": BOOLEAN, "reason"?: TEXT}; bytes are base64.

import { createPublicKey } from 'node:crypto'
import { createRequire } from 'node:module'
import * as readline from 'node:readline'

const require = createRequire(import.meta.url)
const { verifyTLogInclusion } = require('@sigstore/verify/dist/tlog/index.js')

const bytes = (text) => Buffer.from(text, 'base64')

function judge({ note, key, key_id, name, entry, index, path, root }) {
  const log = {
    logID: Buffer.concat([bytes(key_id), Buffer.alloc(28)]),
    baseURL: `https://${name}`,
    publicKey: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes(key).toString('base64url') }, format: 'jwk' }),
  }
  verifyTLogInclusion({
    logId: { keyId: log.logID },
    canonicalizedBody: bytes(entry),
    inclusionProof: {
      logIndex: String(index),
      rootHash: bytes(root),
      hashes: path.map(bytes),
      checkpoint: { envelope: bytes(note).toString('utf8') },
    },
  }, [log])
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let said
  try {
    judge(JSON.parse(line))
    said = { ok: true }
  } catch (error) {
    said = { ok: false, reason: String(error.message) }
  }
  process.stdout.write(JSON.stringify(said) + '\n')
}
