// The official OpenAI SDK for JavaScript against the real binary: answers, and the class of every refusal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { until } from '../lib/process.mjs';

const text = 'Hello from the fake provider.';
const messages = [{ role: 'user', content: 'Hello' }];
const chat = (model = 'gpt-4o-mini', extra = {}) => ({ model, messages, ...extra });

/** A reply of the fake provider in OpenAI's error shape. */
const failure = (status, type, code, header) => ({ status, header, body: JSON.stringify({ error: { message: 'Told to fail, sk-upstream.', type, param: null, code } }) });

test('the OpenAI SDK for JavaScript', async (t) => {
  const gate = await Gatehouse.start(t);
  const newKey = async (fields = {}) => (await gate.admin('/key/generate', fields)).key;
  const client = (apiKey, options = {}) => new OpenAI({ apiKey, baseURL: `${gate.url}/v1`, maxRetries: 0, ...options });
  const sdk = client(await newKey());

  /** Asserts the SDK's class for a refusal, its fields and its request id. */
  const refuses = async (call, Class, status, type, code, param) => {
    const error = await call.then(() => assert.fail('the call went through'), (e) => e);
    assert.ok(error instanceof Class, `${error.constructor.name}: ${error.message}`);
    assert.deepEqual({ status: error.status, type: error.type, code: error.code }, { status, type, code });
    if (param) assert.equal(error.param, param);
    assert.ok(error.requestID, 'no request id');
    assert.ok(!error.message.includes('sk-upstream'), 'the message shows our credential');
    return error;
  };

  await t.test('chat', async () => {
    const { data, response, request_id: id } = await sdk.chat.completions.create(chat()).withResponse();
    assert.equal(data.choices[0].message.content, text);
    assert.equal(data.usage.total_tokens, 30);
    assert.equal(id, response.headers.get('x-litellm-call-id'));
    assert.ok(Number(response.headers.get('x-litellm-response-cost')) > 0);
  });

  await t.test('chat stream', async () => {
    let got = '';
    for await (const chunk of await sdk.chat.completions.create(chat('gpt-4o-mini', { stream: true }))) {
      assert.equal(chunk.usage, undefined);
      got += chunk.choices[0].delta.content ?? '';
    }
    assert.equal(got, text);
  });

  await t.test('chat stream with usage', async () => {
    const stream = await sdk.chat.completions.create(chat('gpt-4o-mini', { stream: true, stream_options: { include_usage: true } }));
    const usages = [];
    for await (const chunk of stream) if (chunk.usage) usages.push(chunk.usage.total_tokens);
    assert.deepEqual(usages, [30]);
  });

  await t.test('the stream helper, with a tool call', async () => {
    await gate.script({ tool_calls: [{ id: 'call_a', name: 'weather', arguments: '{"city":"Oslo"}' }] });
    const final = await sdk.chat.completions.stream(chat()).finalChatCompletion();
    assert.equal(final.choices[0].message.tool_calls[0].function.arguments, '{"city":"Oslo"}');
  });

  await t.test('chat on the wire of Anthropic', async () => {
    const answer = await sdk.chat.completions.create(chat('claude-sonnet-4-5', { max_tokens: 50 }));
    assert.equal(answer.choices[0].message.content, text);
    assert.equal(answer.choices[0].finish_reason, 'stop');
  });

  await t.test('embeddings, which the SDK asks for in base64', async () => {
    const { data } = await sdk.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
    assert.deepEqual([...data[1].embedding].slice(0, 2), [2, 1]);
    const upstream = (await gate.upstream()).at(-1);
    assert.equal(JSON.parse(upstream.body).encoding_format, 'base64');
  });

  await t.test('models', async () => {
    const own = client(await newKey({ models: ['gpt-4o'] }));
    const ids = [];
    for await (const model of own.models.list()) ids.push(model.id);
    assert.deepEqual(ids, ['gpt-4o']);
    assert.equal((await own.models.retrieve('gpt-4o')).id, 'gpt-4o');
    await refuses(own.models.retrieve('gpt-4o-mini'), OpenAI.NotFoundError, 404, 'invalid_request_error', 'model_not_found');
  });

  const refusals = [
    ['malformed key', async () => 'hello', OpenAI.AuthenticationError, 401, 'auth_error', 'invalid_api_key'],
    ['unknown key', async () => 'sk-unknown-0123456789abcdef', OpenAI.AuthenticationError, 401, 'token_not_found_in_db', 'invalid_api_key'],
    ['blocked key', async () => {
      const key = await newKey();
      await gate.admin('/key/block', { key });
      return key;
    }, OpenAI.AuthenticationError, 401, 'auth_error', 'key_blocked'],
    ['model not allowed', () => newKey({ models: ['gpt-4o'] }), OpenAI.PermissionDeniedError, 403, 'key_model_access_denied', 'model_access_denied'],
    ['budget used up', () => newKey({ max_budget: 0 }), OpenAI.RateLimitError, 429, 'budget_exceeded', 'budget_exceeded'],
    ['rate limit', () => newKey({ rpm_limit: 0 }), OpenAI.RateLimitError, 429, 'rate_limit_error', 'rate_limit_exceeded'],
  ];
  for (const [name, key, Class, status, type, code] of refusals) {
    await t.test(name, async () => {
      await refuses(client(await key()).chat.completions.create(chat()), Class, status, type, code);
    });
  }

  await t.test('expired key', async () => {
    const key = await newKey({ duration: '1s' });
    await until('the key to expire', async () => (await gate.chat(key)).status === 401);
    await refuses(client(key).chat.completions.create(chat()), OpenAI.AuthenticationError, 401, 'expired_key', 'key_expired');
  });

  await t.test('a budget is not retried', async () => {
    let calls = 0;
    const counting = (...args) => { calls += 1; return fetch(...args); };
    const own = client(await newKey({ max_budget: 0 }), { maxRetries: 5, fetch: counting });
    await refuses(own.chat.completions.create(chat()), OpenAI.RateLimitError, 429, 'budget_exceeded', 'budget_exceeded');
    assert.equal(calls, 1);
  });

  await t.test('unknown model', async () => {
    await refuses(sdk.chat.completions.create(chat('gpt-9')), OpenAI.NotFoundError, 404, 'invalid_request_error', 'model_not_found', 'model');
  });

  const upstream = [
    [failure(400, 'invalid_request_error', 'context_length_exceeded'), OpenAI.BadRequestError, 400, 'invalid_request_error', 'context_length_exceeded'],
    [failure(400, 'invalid_request_error', 'content_policy_violation'), OpenAI.BadRequestError, 400, 'invalid_request_error', 'content_policy_violation'],
    [failure(404, 'invalid_request_error', 'gone'), OpenAI.NotFoundError, 404, 'invalid_request_error', 'gone'],
    [failure(409, 'conflict_error', 'busy'), OpenAI.ConflictError, 409, 'conflict_error', 'busy'],
    [failure(422, 'invalid_request_error', 'odd'), OpenAI.UnprocessableEntityError, 422, 'invalid_request_error', 'odd'],
    [failure(429, 'insufficient_quota', 'insufficient_quota'), OpenAI.RateLimitError, 429, 'insufficient_quota', 'insufficient_quota'],
    [failure(401, 'auth_error', 'invalid_api_key'), OpenAI.InternalServerError, 502, 'upstream_error', 'upstream_auth_failed'],
    [failure(500, 'server_error', null), OpenAI.InternalServerError, 500, 'upstream_error', 'upstream_unavailable'],
    [{ fault: 'drop' }, OpenAI.InternalServerError, 502, 'upstream_error', 'upstream_unavailable'],
  ];
  for (const [reply, Class, status, type, code] of upstream) {
    await t.test(`upstream ${reply.status ?? reply.fault} becomes ${status} ${code}`, async () => {
      await gate.reset();
      await gate.script(reply, reply); // a kept connection that drops may be tried once more on a new one
      await refuses(sdk.chat.completions.create(chat()), Class, status, type, code);
    });
  }

  await t.test('timeout', async () => {
    await gate.reset(); // what an earlier test queued for a second try may be left
    await gate.script({ fault: 'hang' });
    await refuses(sdk.chat.completions.create(chat('gpt-4o', { timeout: 0.3 })), OpenAI.APIError, 408, 'timeout_error', 'timeout');
  });

  await t.test('a stream cut in the middle throws after what arrived', async () => {
    await gate.script({ fault: 'cut', after: 3 });
    let got = '';
    await assert.rejects(async () => {
      for await (const chunk of await sdk.chat.completions.create(chat('gpt-4o', { stream: true }))) got += chunk.choices[0]?.delta.content ?? '';
    }, (error) => error instanceof OpenAI.APIError && error.code === 'upstream_unavailable');
    assert.ok(text.startsWith(got) && got !== '');
  });

  await t.test('a client that stops reading ends the upstream call', async () => {
    await gate.reset();
    await gate.script({ fault: 'stall', after: 2 });
    const stream = await sdk.chat.completions.create(chat('gpt-4o', { stream: true }));
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content !== undefined) break; // leaving the loop aborts
    await until('the provider to see the client leave', async () => (await gate.departures()).length > 0);
  });
});
