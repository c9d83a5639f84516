// The official OpenAI SDK for JavaScript against the real binary; errors.test.mjs has the class of every refusal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { Gatehouse } from '../lib/gatehouse.mjs';
import { until } from '../lib/process.mjs';

const text = 'Hello from the fake provider.';
const messages = [{ role: 'user', content: 'Hello' }];
const chat = (model = 'gpt-4o-mini', extra = {}) => ({ model, messages, ...extra });

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const City = z.object({ city: z.string(), degrees: z.number() });
const calling = { tool_calls: [{ id: 'call_a', name: 'weather', arguments: '{"city":"Oslo"}' }] };

test('the OpenAI SDK for JavaScript', async (t) => {
  const gate = await Gatehouse.start(t);
  const newKey = async (fields = {}) => (await gate.admin('/key/generate', fields)).key;
  const client = (apiKey, options = {}) => new OpenAI({ apiKey, baseURL: `${gate.url}/v1`, maxRetries: 0, ...options });
  const sdk = client(await newKey());

  const last = async () => (await gate.upstream()).at(-1);

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

  for (const model of ['gpt-4o-mini', 'claude-sonnet-4-5']) {
    await t.test(`a message and a stream: ${model}`, async () => {
      const answer = await sdk.chat.completions.create(chat(model, { max_tokens: 50 }));
      assert.deepEqual([answer.choices[0].message.content, answer.choices[0].finish_reason, answer.usage.total_tokens], [text, 'stop', 30]);
      const final = await sdk.chat.completions.stream(chat(model)).finalChatCompletion();
      assert.equal(final.choices[0].message.content, text);
    });

    await t.test(`tools there and back: ${model}`, async () => {
      const cities = [];
      const weather = { name: 'weather', parameters: z.toJSONSchema(City.pick({ city: true })), parse: JSON.parse, function: ({ city }) => { cities.push(city); return '7 degrees'; } };
      await gate.script(calling, { text: 'It is 7 degrees.' });
      const whole = sdk.chat.completions.runTools(chat(model, { tools: [{ type: 'function', function: weather }] }));
      assert.equal(await whole.finalContent(), 'It is 7 degrees.');
      await gate.script(calling, { text: 'It is 7 degrees.' });
      const streamed = sdk.chat.completions.runTools(chat(model, { stream: true, tools: [{ type: 'function', function: weather }] }));
      assert.equal(await streamed.finalContent(), 'It is 7 degrees.');
      assert.deepEqual(cities, ['Oslo', 'Oslo']);
      const sent = (await last()).body;
      assert.ok(sent.includes('7 degrees') && sent.includes('call_a'), sent);
    });

    await t.test(`an image: ${model}`, async () => {
      const content = [{ type: 'text', text: 'What?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }];
      await sdk.chat.completions.create(chat(model, { messages: [{ role: 'user', content }] }));
      assert.ok((await last()).body.includes(pixel));
    });

    await t.test(`a schema: ${model}`, async () => {
      await gate.script({ text: '{"city":"Oslo","degrees":7}' });
      const answer = await sdk.chat.completions.parse(chat(model, { response_format: zodResponseFormat(City, 'weather') }));
      assert.deepEqual(answer.choices[0].message.parsed, { city: 'Oslo', degrees: 7 });
      assert.ok((await last()).body.includes('"json_schema"'));
    });

    await t.test(`responses: ${model}`, async () => {
      assert.equal((await sdk.responses.create({ model, input: 'Hello' })).output_text, text);
      await gate.script(calling);
      const tools = [{ type: 'function', name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } }, strict: false }];
      const final = await sdk.responses.stream({ model, input: 'Weather?', tools }).finalResponse();
      const call = final.output.find((item) => item.type === 'function_call');
      assert.deepEqual([call.call_id, call.name, JSON.parse(call.arguments)], ['call_a', 'weather', { city: 'Oslo' }]);
      await gate.script({ text: '{"city":"Oslo","degrees":7}' });
      const input = [{ role: 'user', content: 'Weather?' }, ...final.output, { type: 'function_call_output', call_id: call.call_id, output: '7 degrees' }];
      const parsed = await sdk.responses.parse({ model, input, text: { format: zodTextFormat(City, 'weather') } });
      assert.deepEqual(parsed.output_parsed, { city: 'Oslo', degrees: 7 });
      assert.ok((await last()).body.includes('7 degrees'));
    });
  }

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
    await assert.rejects(own.models.retrieve('gpt-4o-mini'), (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
  });

  await t.test('a budget is not retried', async () => {
    let calls = 0;
    const counting = (...args) => { calls += 1; return fetch(...args); };
    const own = client(await newKey({ max_budget: 0 }), { maxRetries: 5, fetch: counting });
    await assert.rejects(own.chat.completions.create(chat()), (error) => error instanceof OpenAI.RateLimitError && error.code === 'budget_exceeded');
    assert.equal(calls, 1);
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
