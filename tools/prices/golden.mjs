// Writes proxy/price/testdata/golden.json: what the package itself answers for a sample of names, so that a Go test can
// hold our matching, dates, tiers and rounding to it.
//
//   node tools/prices/golden.mjs
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const { waitForUpdate, calcPrice } = createRequire(import.meta.url)('@pydantic/genai-prices')
const times = ['2025-03-01T12:00:00Z', '2026-11-21T02:00:00Z', '2027-02-01T18:00:00Z']
const dated = (m) => Array.isArray(m.prices)

function literals(match, found = []) {
  for (const [key, value] of Object.entries(match)) {
    if (Array.isArray(value)) value.forEach((m) => literals(m, found))
    else if (key === 'starts_with') found.push(value, `${value}-20250101`)
    else if (key !== 'regex') found.push(value)
  }
  return found
}

const rows = []
for (const p of await waitForUpdate()) {
  if (p.id.startsWith('huggingface')) continue // asked for by another name in the gateway
  const step = Math.max(1, Math.floor(p.models.length / 8))
  p.models.forEach((m, i) => {
    if (i % step !== 0 && !dated(m)) return
    for (const name of new Set(literals(m.match))) {
      for (const at of dated(m) ? times : times.slice(1, 2)) {
        for (const input of [1000, 300_000]) {
          const usage = { input_tokens: input, cache_read_tokens: 100, output_tokens: 1000 }
          const got = calcPrice(usage, name, { providerId: p.id, timestamp: new Date(at) })
          if (got?.model_price.input_mtok !== undefined) rows.push([p.id, name, at, input, Math.round(got.total_price * 1e9)])
        }
      }
    }
  })
}
const dir = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../proxy/price/testdata')
mkdirSync(dir, { recursive: true })
writeFileSync(path.join(dir, 'golden.json'), `[\n${rows.map((r) => JSON.stringify(r)).join(',\n')}\n]\n`)
console.log(`${rows.length} rows`)
