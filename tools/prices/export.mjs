// Exports the price list of npm @pydantic/genai-prices to proxy/price/prices.json, which the binary embeds.
//
//   node tools/prices/export.mjs [output file]
//
// The output depends on nothing but the version of the package. Every amount in it is an integer: nano-USD per
// million units, so Go never sees a float. A price key, a match rule or a constraint that this script does not know
// ends it with an error, so that a newer package cannot silently lose a price.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const { waitForUpdate } = require('@pydantic/genai-prices')
const root = path.resolve(path.dirname(require.resolve('@pydantic/genai-prices')), '..')
const version = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version
const licence = readFileSync(path.join(root, 'LICENSE'), 'utf8').trim()

// Price key of the package -> [our unit, units that one price covers].
const UNITS = {
  input_mtok: ['input', 1_000_000n],
  output_mtok: ['output', 1_000_000n],
  cache_read_mtok: ['cache_read', 1_000_000n],
  cache_write_mtok: ['cache_write_5m', 1_000_000n],
  cache_write_5m_mtok: ['cache_write_5m', 1_000_000n],
  cache_write_1h_mtok: ['cache_write_1h', 1_000_000n],
  input_audio_mtok: ['input_audio', 1_000_000n],
  output_audio_mtok: ['output_audio', 1_000_000n],
  input_image_mtok: ['input_image', 1_000_000n],
  output_image_mtok: ['output_image', 1_000_000n],
  output_reasoning_mtok: ['output_reasoning', 1_000_000n],
  audio_hours: ['audio_second', 3600n],
  input_audio_hours: ['audio_second', 3600n],
  input_mchars: ['character', 1_000_000n],
  rerank_searches_kcount: ['search_unit', 1000n],
  web_searches_kcount: ['web_search', 1000n],
  requests_kcount: ['request', 1000n],
}

// What the canonical usage of a call does not count: document pages, file searches, video, chat messages of voice
// sessions, and cached tokens by modality (they are billed at the plain cache price).
const UNCOUNTED = new Set([
  'cache_audio_read_mtok', 'cache_image_read_mtok', 'input_annotated_document_kpages', 'input_document_kpages',
  'input_text_messages_kcount', 'input_video_mtok', 'output_citation_mtok', 'output_video_mtok', 'storage_searches_kcount',
])

// nano turns a price in USD for `per` units into nano-USD per million units, half up, by its decimal text.
function nano(price, per) {
  const m = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(price))
  if (!m) throw new Error(`price ${price} is not a decimal number`)
  const digits = BigInt(m[1] + (m[2] ?? ''))
  const exponent = Number(m[3] ?? 0) - (m[2] ?? '').length
  let num = digits * 10n ** 15n // 1e9 nano x 1e6 units
  let den = per
  if (exponent >= 0) num *= 10n ** BigInt(exponent)
  else den *= 10n ** BigInt(-exponent)
  const n = (2n * num + den) / (2n * den)
  if (n > 9_000_000_000_000_000n) throw new Error(`price ${price} for ${per} units is out of range`)
  return Number(n)
}

// rates splits one price record into the base rates and, by threshold of input tokens, the rates above it.
function rates(prices, where) {
  const base = {}
  const above = new Map()
  for (const [key, value] of Object.entries(prices)) {
    if (UNCOUNTED.has(key)) continue
    const unit = UNITS[key]
    if (!unit) throw new Error(`${where}: unknown price key ${key}`)
    const [name, per] = unit
    if (typeof value === 'number') {
      base[name] = nano(value, per)
      continue
    }
    base[name] = nano(value.base, per)
    for (const tier of value.tiers) {
      if (!above.has(tier.start)) above.set(tier.start, {})
      above.get(tier.start)[name] = nano(tier.price, per)
    }
  }
  const out = { r: base }
  if (above.size) out.above = [...above].sort((a, b) => a[0] - b[0]).map(([n, r]) => ({ n, r }))
  return out
}

// periods lists the prices of a model oldest first; `from` is a date, `between` a time of day in UTC.
function periods(model, where) {
  const list = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
  return list.map(({ constraint, prices }) => {
    const p = rates(prices, where)
    if (!Object.keys(prices).length && /:free$/.test(model.id)) p.r = { input: 0, output: 0 }
    if (!constraint) return p
    if (constraint.type === 'start_date') return { from: constraint.start_date, ...p }
    if (constraint.type !== 'time_of_date') throw new Error(`${where}: unknown constraint ${JSON.stringify(constraint)}`)
    return { between: [seconds(constraint.start_time, where), seconds(constraint.end_time, where)], ...p }
  }).filter((p) => Object.keys(p.r).length)
}

function seconds(text, where) {
  const m = /^(\d\d):(\d\d):(\d\d)(?:Z|\+00:00)$/.exec(text)
  if (!m) throw new Error(`${where}: time of day ${text} is not in UTC`)
  return Number(m[1]) * 3600 + Number(m[2]) * 60 + Number(m[3])
}

// rule flattens a match tree to a list of alternatives. An alternative is a string whose first character says how
// the rest is compared, or a list of such strings that must all hold:
//   = equal  ^ prefix  $ suffix  * contains  # prefix, then a digit  8 prefix, then YYYYMMDD  d prefix, then YYYY-MM-DD
//   / regular expression (RE2)  ! none of this regular expression
function rule(match, where) {
  if (match.or) return match.or.flatMap((m) => rule(m, where))
  if (match.and) return [match.and.flatMap((m) => single(rule(m, where), where))]
  for (const [key, mark] of [['equals', '='], ['starts_with', '^'], ['ends_with', '$'], ['contains', '*']]) {
    if (match[key] !== undefined) return [mark + match[key].toLowerCase()]
  }
  if (match.regex === undefined) throw new Error(`${where}: unknown match ${JSON.stringify(match)}`)
  return regex(match.regex, where)
}

function single(alternatives, where) {
  if (alternatives.length !== 1) throw new Error(`${where}: an "or" inside an "and" is not supported`)
  return alternatives[0]
}

function regex(text, where) {
  const literal = (s) => (/^(?:[^\\^$.|?*+()[\]{}]|\\[.[\]])*$/.test(s) ? s.replace(/\\(.)/g, '$1').toLowerCase() : null)
  for (const [tail, mark] of [['\\d{8}$', '8'], ['\\d{4}-\\d{2}-\\d{2}$', 'd'], ['\\d', '#'], ['$', '=']]) {
    if (!text.startsWith('^') || !text.endsWith(tail)) continue
    const head = literal(text.slice(1, -tail.length))
    if (head !== null) return [mark + head]
  }
  // Names are compared in lower case, and RE2 has no look-ahead: a leading ^(?!x) becomes "not ^x".
  const end = text.startsWith('^(?!') ? closing(text, 1) : -1
  if (end > 0) {
    const rules = ['!^(?:' + text.slice(4, end).replaceAll('[tT][tT][sS]', 'tts') + ')']
    if (end + 1 < text.length) rules.push('/^' + text.slice(end + 1))
    check(rules, where)
    return [rules.length === 1 ? rules[0] : rules]
  }
  check(['/' + text], where)
  return ['/' + text]
}

// closing is the index of the parenthesis that closes the one at `open`.
function closing(text, open) {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '(') depth++
    else if (text[i] === ')' && --depth === 0) return i
  }
  return -1
}

function check(rules, where) {
  for (const r of rules) {
    new RegExp(r.slice(1))
    if (/\(\?[=!<]/.test(r) || /[A-Z]/.test(r.replaceAll(/\\[A-Z]/g, ''))) throw new Error(`${where}: cannot express ${r}`)
  }
}

function mode(model) {
  const only = JSON.stringify(model.prices)
  if (/embed/.test(model.id) && !only.includes('output_mtok')) return 'embedding'
  if (only.includes('audio_hours')) return 'audio_transcription'
  return undefined
}

const providers = (await waitForUpdate()).map((p) => {
  const out = { id: p.id }
  if (p.provider_match) out.alias = rule(p.provider_match, p.id)
  if (p.model_match) out.claims = rule(p.model_match, p.id)
  if (p.fallback_model_providers) out.fallback = p.fallback_model_providers
  out.models = p.models.map((m) => {
    const where = `${p.id}/${m.id}`
    const model = { id: m.id }
    const match = rule(m.match, where)
    if (match.length !== 1 || match[0] !== '=' + m.id) model.match = match
    if (m.context_window) model.context = m.context_window
    if (mode(m)) model.mode = mode(m)
    const prices = periods(m, where)
    if (prices.length) model.p = prices
    return model
  })
  return out
})

const head = { source: `@pydantic/genai-prices ${version}`, licence }
const lines = providers.map((p) => JSON.stringify(p))
const text = `${JSON.stringify(head).slice(0, -1)},"providers":[\n${lines.join(',\n')}\n]}\n`
JSON.parse(text)
const target = process.argv[2] ?? path.join(path.dirname(fileURLToPath(import.meta.url)), '../../proxy/price/prices.json')
writeFileSync(target, text)
console.log(`${providers.length} providers, ${providers.reduce((n, p) => n + p.models.length, 0)} models, ${text.length} bytes -> ${path.basename(target)}`)
