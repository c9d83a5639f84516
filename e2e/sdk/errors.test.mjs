// Every row of the table of errors (proxy.md §8) as the two official SDKs see it: the class, the status, the words, and the
// request id. Each row is provoked for real, once on OpenAI's wire and once on Anthropic's.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { run, until } from '../lib/process.mjs';

const price = 'input_cost_per_token: 0.001, output_cost_per_token: 0.002';
const steady = `cooldown_time: 0, ${price}`;

/** Models that never cool down, two deployments that do, and bodies of 1 MB at most. */
const models = (url) => `
model_list:
  - {model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_base: "${url}/v1", api_key: sk-upstream, ${steady}}}
  - {model_name: groq, litellm_params: {model: groq/llama, api_base: "${url}/v1", api_key: sk-upstream, ${steady}}}
  - {model_name: claude, litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "${url}", api_key: sk-upstream, ${steady}}}
  - {model_name: away, litellm_params: {model: openai/gpt-4o, api_base: "http://127.0.0.1:9/v1", api_key: sk-upstream, ${steady}}}
  - {model_name: cools, litellm_params: {model: openai/a, api_base: "${url}/v1", api_key: sk-upstream, cooldown_time: 60, ${price}}}
  - {model_name: cools, litellm_params: {model: openai/b, api_base: "${url}/v1", api_key: sk-upstream, cooldown_time: 60, ${price}}}
litellm_settings: {num_retries: 0}
router_settings: {num_retries: 0}
general_settings: {max_request_size_mb: 1}
gatehouse: {login_rate: 100000/min, drain_delay: 1s, drain_timeout: 5s}
`;
const closed = (url) => models(url).replace('max_request_size_mb: 1', 'allowed_ips: ["10.9.9.9"]');

const invalid = 'invalid_request_error';
const bad = (code, param) => ({ openai: [OpenAI.BadRequestError, 400, invalid, code, param], anthropic: [Anthropic.BadRequestError, 400, invalid] });
const denied = (type, code, param) => ({ openai: [OpenAI.PermissionDeniedError, 403, type, code, param], anthropic: [Anthropic.PermissionDeniedError, 403, 'permission_error'] });
const stranger = (type, code) => ({ openai: [OpenAI.AuthenticationError, 401, type, code], anthropic: [Anthropic.AuthenticationError, 401, 'authentication_error'] });
const blocked = { openai: [OpenAI.AuthenticationError, 401, 'auth_error', 'key_blocked'], anthropic: [Anthropic.PermissionDeniedError, 403, 'permission_error'] };
const limited = (type, code, final) => ({ final, openai: [OpenAI.RateLimitError, 429, type, code], anthropic: [Anthropic.RateLimitError, 429, 'rate_limit_error'] });
const failed = (status, code, Class, type) => ({ openai: [OpenAI.InternalServerError, status, 'upstream_error', code], anthropic: [Class, status, type] });

/** An error of the provider, with its credential in the text. */
const says = (status, code, type = invalid, header = undefined) => ({ status, header, body: JSON.stringify({ error: { message: 'Told to fail by sk-upstream.', type, param: null, code } }) });

describe('errors by class', () => {
  let gate;
  let plain;
  let own;
  const stops = [];
  const newKey = async (fields = {}) => (await gate.admin('/key/generate', fields)).key;
  const newTeam = async (fields) => (await gate.admin('/team/new', fields)).team_id;
  const newUser = async (fields) => (await gate.admin('/user/new', { auto_create_key: false, ...fields })).user_id;
  const used = async (fields) => { const key = await newKey(fields); await gate.chat(key, 'gpt-4o'); return key; };
  const blocking = async (path, body, key) => { await gate.admin(path, body); return key; };

  before(async () => {
    gate = await Gatehouse.start({ after: (stop) => stops.push(stop) }, { models });
    plain = await newKey();
  });
  after(async () => { for (const stop of stops) await stop(); });

  const openai = (at, key) => new OpenAI({ apiKey: key, baseURL: `${at}/v1`, maxRetries: 0 });
  const anthropic = (at, key) => new Anthropic({ apiKey: key, baseURL: at, maxRetries: 0 });
  const ask = (model, extra = {}) => ({ model, messages: [{ role: 'user', content: 'Hello' }], ...extra });

  const rows = [
    ['no key', { key: () => null }, stranger('auth_error', 'missing_api_key')],
    ['malformed key', { key: () => 'hello' }, stranger('auth_error', 'invalid_api_key')],
    ['unknown key', { key: () => 'sk-unknown-0123456789abcdef' }, stranger('token_not_found_in_db', 'invalid_api_key')],
    ['deleted key', { key: async () => { const key = await newKey(); return blocking('/key/delete', { keys: [key] }, key); } }, stranger('token_not_found_in_db', 'invalid_api_key')],
    ['expired key', { key: async () => {
      const key = await newKey({ duration: '1s' });
      await until('the key to expire', async () => (await gate.chat(key, 'gpt-4o')).status === 401);
      return key;
    } }, stranger('expired_key', 'key_expired')],
    ['blocked key', { key: async () => { const key = await newKey(); return blocking('/key/block', { key }, key); } }, blocked],
    ['blocked team', { key: async () => {
      const team = await newTeam({});
      return blocking('/team/block', { team_id: team }, await newKey({ team_id: team }));
    } }, blocked],
    ['IP not allowed', { at: () => own.url, key: () => plain, needs: 'closed' }, denied('auth_error', 'ip_not_allowed')],
    ['route not allowed', { key: () => newKey({ allowed_routes: ['/v1/embeddings'] }) }, denied('auth_error', 'route_not_allowed')],
    ['key may not use model', { key: () => newKey({ models: ['groq'] }) }, denied('key_model_access_denied', 'model_access_denied', 'model')],
    ['team may not use model', { key: async () => newKey({ team_id: await newTeam({ models: ['groq'] }) }) }, denied('team_model_access_denied', 'model_access_denied', 'model')],
    ['user may not use model', { key: async () => newKey({ user_id: await newUser({ models: ['groq'] }) }) }, denied('user_model_access_denied', 'model_access_denied', 'model')],
    ['org may not use model', { key: async () => {
      const { organization_id: id } = await gate.admin('/organization/new', { organization_alias: 'o', models: ['groq'] });
      return newKey({ organization_id: id });
    } }, denied('org_model_access_denied', 'model_access_denied', 'model')],
    ['unknown model', { model: 'gpt-9' }, { openai: [OpenAI.NotFoundError, 404, invalid, 'model_not_found', 'model'], anthropic: [Anthropic.NotFoundError, 404, 'not_found_error'] }],
    ['budget used up: key', { key: () => newKey({ max_budget: 0 }) }, limited('budget_exceeded', 'budget_exceeded', true)],
    ['budget used up: team', { key: async () => newKey({ team_id: await newTeam({ max_budget: 0 }) }) }, limited('budget_exceeded', 'budget_exceeded', true)],
    ['budget used up: user', { key: async () => newKey({ user_id: await newUser({ max_budget: 0 }) }) }, limited('budget_exceeded', 'budget_exceeded', true)],
    ['rpm limit', { key: () => used({ rpm_limit: 1 }) }, { ...limited('rate_limit_error', 'rate_limit_exceeded', false), waits: true }],
    ['tpm limit', { key: () => used({ tpm_limit: 20 }) }, { ...limited('rate_limit_error', 'rate_limit_exceeded', false), waits: true }],
    ['a limit that lets nothing through', { key: () => newKey({ max_parallel_requests: 0 }) }, limited('rate_limit_error', 'rate_limit_exceeded', true)],
    ['bad JSON', { raw: '{"model":' }, bad('invalid_json')],
    ['missing field', { raw: '{"model":"gpt-4o","max_tokens":5}' }, bad('missing_required_parameter', 'messages')],
    ['unsupported parameter', { model: 'groq', extra: { logprobs: true, n: 2 }, anthropicless: true }, bad('unsupported_parameter')],
    ['context too long', { replies: [says(400, 'context_length_exceeded')] }, bad('context_length_exceeded')],
    ['content policy', { replies: [says(400, 'content_policy_violation')] }, bad('content_policy_violation')],
    ['body too large', { extra: { user: 'x'.repeat(1100000) } }, { openai: [OpenAI.APIError, 413, invalid, 'request_too_large'], anthropic: [Anthropic.ContentTooLargeError, 413, 'request_too_large'] }],
    ['group all cooling', { model: 'cools', needs: 'cooling' }, { openai: [OpenAI.RateLimitError, 429, 'rate_limit_error', 'no_deployments_available'], anthropic: [Anthropic.OverloadedError, 529, 'overloaded_error'], waits: true }],
    ['upstream 429', { replies: [says(429, 'rate_limit_exceeded', 'rate_limit_error', { 'Retry-After': '7' })] }, { ...limited('rate_limit_error', 'rate_limit_exceeded'), waits: true }],
    ['upstream 429, no quota left', { replies: [says(429, 'insufficient_quota', 'insufficient_quota')] }, limited('insufficient_quota', 'insufficient_quota', true)],
    ['upstream 401', { replies: [says(401, 'invalid_api_key')] }, failed(502, 'upstream_auth_failed', Anthropic.InternalServerError, 'api_error')],
    ['upstream 403', { replies: [says(403, 'forbidden')] }, failed(502, 'upstream_auth_failed', Anthropic.InternalServerError, 'api_error')],
    ['upstream 400', { replies: [says(400, 'odd')] }, bad('odd')],
    ['upstream 404', { replies: [says(404, 'gone')] }, { openai: [OpenAI.NotFoundError, 404, invalid, 'gone'], anthropic: [Anthropic.NotFoundError, 404, 'not_found_error'] }],
    ['upstream 409', { replies: [says(409, 'busy', 'conflict_error')] }, { openai: [OpenAI.ConflictError, 409, 'conflict_error', 'busy'], anthropic: [Anthropic.ConflictError, 409, invalid] }],
    ['upstream 422', { replies: [says(422, 'odd')] }, { openai: [OpenAI.UnprocessableEntityError, 422, invalid, 'odd'], anthropic: [Anthropic.UnprocessableEntityError, 422, invalid] }],
    ['upstream 500', { replies: [says(500, null)] }, failed(500, 'upstream_unavailable', Anthropic.InternalServerError, 'api_error')],
    ['upstream 503', { replies: [says(503, null)] }, failed(503, 'upstream_unavailable', Anthropic.ServiceUnavailableError, 'api_error')],
    ['upstream 529', { replies: [says(529, null)] }, { openai: [OpenAI.InternalServerError, 503, 'upstream_error', 'upstream_unavailable'], anthropic: [Anthropic.OverloadedError, 529, 'overloaded_error'] }],
    ['no connection', { model: 'away' }, failed(502, 'upstream_unavailable', Anthropic.InternalServerError, 'api_error')],
    ['timeout', { replies: [{ fault: 'hang' }], extra: { timeout: 0.3 } }, { openai: [OpenAI.APIError, 408, 'timeout_error', 'timeout'], anthropic: [Anthropic.RequestTimeoutError, 408, 'timeout_error'] }],
    ['unknown path', { path: 'no/such/route' }, { openai: [OpenAI.NotFoundError, 404, invalid, 'route_not_found'], anthropic: [Anthropic.NotFoundError, 404, 'not_found_error'] }],
  ];

  /** What every error of either SDK must be beside its class. */
  const holds = (error, Class, status, row) => {
    assert.ok(error instanceof Class, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status, error.message);
    assert.ok(error.requestID, 'no request id');
    assert.equal(error.requestID, error.headers.get('x-litellm-call-id'));
    assert.ok(!JSON.stringify([error.message, error.error]).includes('sk-upstream'), 'the message shows our credential');
    if (row.final !== undefined) assert.equal(error.headers.get('x-should-retry'), row.final ? 'false' : null);
    if (row.waits) assert.ok(Number(error.headers.get('retry-after')) > 0, 'no retry-after');
  };
  const caught = (call) => call.then(() => assert.fail('the call went through'), (error) => error);

  /** Brings the server into the state that a row needs. */
  const ready = async (how, call) => {
    await gate.reset();
    if (how.needs === 'closed') own ??= await Gatehouse.start({ after: (stop) => stops.push(stop) }, { models: closed });
    if (how.needs === 'cooling') { // each deployment refuses once, and what is tried again each second refuses too
      await gate.script(...Array(20).fill(says(401, 'invalid_api_key')));
      await until('the group to cool', async () => [429, 529].includes((await caught(call())).status));
    }
    if (how.replies) await gate.script(...how.replies);
  };

  for (const [name, how, row] of rows) {
    test(`${name}: OpenAI`, async () => {
      const key = how.key ? await how.key() : plain;
      const call = () => {
        const sdk = openai(how.at?.() ?? gate.url, key ?? 'unused');
        const options = key === null ? { headers: { Authorization: null } } : {};
        if (how.path) return sdk.post(`/${how.path}`, options);
        if (how.raw) return sdk.post('/chat/completions', { ...options, headers: { 'Content-Type': 'application/json' }, body: new Blob([how.raw]) });
        return sdk.chat.completions.create(ask(how.model ?? 'gpt-4o', how.extra), options);
      };
      await ready(how, call);
      const error = await caught(call());
      const [Class, status, type, code, param] = row.openai;
      holds(error, Class, status, row);
      assert.deepEqual([error.type, error.code], [type, code]);
      if (param) assert.equal(error.param, param);
      for (const field of ['message', 'type', 'param', 'code']) assert.ok(field in error.error, `no ${field}`);
      if (code === 'budget_exceeded') assert.equal((await (await gate.chat(key, 'gpt-4o')).json()).budget.limit, 0);
    });

    if (how.anthropicless) continue;
    test(`${name}: Anthropic`, async () => {
      const key = how.key ? await how.key() : plain;
      const call = () => {
        const sdk = anthropic(how.at?.() ?? gate.url, key ?? 'unused');
        const options = key === null ? { headers: { 'x-api-key': null } } : {};
        if (how.path) return sdk.post(`/v1/messages/${how.path}`, options);
        if (how.raw) return sdk.post('/v1/messages', { ...options, headers: { 'Content-Type': 'application/json' }, body: new Blob([how.raw]) });
        return sdk.messages.create(ask(how.model ?? 'gpt-4o', { max_tokens: 50, ...how.extra }), options);
      };
      await ready(how, call);
      const error = await caught(call());
      const [Class, status, type] = row.anthropic;
      holds(error, Class, status, row);
      assert.deepEqual([error.error.type, error.error.error.type], ['error', type]);
      assert.equal(error.error.request_id, error.requestID);
    });
  }

  test('the database is away', async (t) => {
    const away = await Gatehouse.start(t, { models, database: 'postgres' });
    const { server, name } = away.database;
    await run('psql', [server, '-qc', `alter database ${name} allow_connections false`]);
    await run('psql', [server, '-qc', `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`]);
    const key = 'sk-unknown-0123456789abcdef';
    await until('the snapshot to be old', async () => (await away.chat(key, 'gpt-4o')).status === 503);
    const error = await caught(openai(away.url, key).chat.completions.create(ask('gpt-4o')));
    holds(error, OpenAI.InternalServerError, 503, {});
    assert.deepEqual([error.type, error.code], ['service_unavailable', 'auth_backend_unavailable']);
    const same = await caught(anthropic(away.url, key).messages.create(ask('gpt-4o', { max_tokens: 50 })));
    holds(same, Anthropic.ServiceUnavailableError, 503, {});
    assert.equal(same.error.error.type, 'api_error');
  });
});
