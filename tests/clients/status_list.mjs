// `@sd-jwt/jwt-status-list`, unmodified: reads {"jwt", "idx"} and says {"bits", "size", "value"}.

import { getListFromStatusListJWT } from '@sd-jwt/jwt-status-list'

let text = ''
for await (const part of process.stdin) text += part
const { jwt, idx } = JSON.parse(text)
const list = getListFromStatusListJWT(jwt)
process.stdout.write(
  JSON.stringify({ bits: list.getBitsPerStatus(), size: list.statusList.length, value: list.getStatus(idx) }),
)
