// The official Anthropic SDK for JavaScript against the real binary, on deployments of either wire; errors.test.mjs has
// the class of every refusal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { Gatehouse } from '../lib/gatehouse.mjs';

const text = 'Hello from the fake provider.';
const tool = { name: 'weather', input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } };
const calling = { tool_calls: [{ id: 'toolu_a', name: 'weather', arguments: '{"city":"Oslo"}' }] };
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

test('the Anthropic SDK for JavaScript', async (t) => {
  const gate = await Gatehouse.start(t);
  const newKey = async (fields = {}) => (await gate.admin('/key/generate', fields)).key;
  const client = (apiKey, options = {}) => new Anthropic({ apiKey, baseURL: gate.url, maxRetries: 0, ...options });
  const key = await newKey();
  const sdk = client(key);
  const ask = (model, content = 'Hello', extra = {}) => ({ model, max_tokens: 100, messages: [{ role: 'user', content }], ...extra });
  const last = async () => (await gate.upstream()).at(-1);

  for (const model of ['claude-sonnet-4-5', 'gpt-4o']) {
    await t.test(`a message: ${model}`, async () => {
      const { data, response, request_id: id } = await sdk.messages.create(ask(model)).withResponse();
      assert.equal(data.content[0].text, text);
      assert.equal(data.model, model);
      assert.deepEqual([data.usage.input_tokens, data.usage.output_tokens], [10, 20]);
      assert.equal(id, response.headers.get('x-litellm-call-id'));
      assert.ok(!JSON.stringify((await last()).headers ?? (await last()).header).includes(key), 'our key left');
    });

    await t.test(`a stream: ${model}`, async () => {
      let got = '';
      const stream = sdk.messages.stream(ask(model)).on('text', (piece) => { got += piece; });
      const final = await stream.finalMessage();
      assert.equal(got, text);
      assert.equal(final.usage.output_tokens, 20);
      assert.equal(final.stop_reason, 'end_turn');
    });

    await t.test(`tools there and back: ${model}`, async () => {
      await gate.script(calling, { text: 'It is 7 degrees.' });
      const first = await sdk.messages.stream(ask(model, 'Weather?', { tools: [tool] })).finalMessage();
      assert.equal(first.stop_reason, 'tool_use');
      const use = first.content.find((block) => block.type === 'tool_use');
      assert.deepEqual(use.input, { city: 'Oslo' });
      const second = await sdk.messages.create({
        ...ask(model, 'Weather?', { tools: [tool] }),
        messages: [{ role: 'user', content: 'Weather?' }, { role: 'assistant', content: first.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: '7 degrees' }] }],
      });
      assert.equal(second.content[0].text, 'It is 7 degrees.');
      assert.ok((await last()).body.includes('7 degrees'));
    });

    await t.test(`an image: ${model}`, async () => {
      await sdk.messages.create(ask(model, [{ type: 'text', text: 'What?' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }]));
      assert.ok((await last()).body.includes(pixel));
    });

    await t.test(`a schema: ${model}`, async () => {
      await gate.script({ text: '{"city":"Oslo"}' });
      const format = { type: 'json_schema', schema: { ...tool.input_schema, additionalProperties: false } };
      const answer = await sdk.messages.create(ask(model, 'Where?', { output_config: { format } }));
      assert.deepEqual(JSON.parse(answer.content[0].text), { city: 'Oslo' });
      assert.ok((await last()).body.includes('json_schema'));
    });

    await t.test(`counting: ${model}`, async () => {
      assert.ok((await sdk.messages.countTokens({ model, messages: [{ role: 'user', content: 'Hello' }] })).input_tokens > 0);
    });
  }

  await t.test('models', async () => {
    const own = client(await newKey({ models: ['gpt-4o'] }));
    const ids = [];
    for await (const model of own.models.list()) ids.push(model.id);
    assert.deepEqual(ids, ['gpt-4o']);
  });

  await t.test('a bearer token', async () => {
    const own = new Anthropic({ authToken: key, apiKey: null, baseURL: gate.url, maxRetries: 0 });
    assert.equal((await own.messages.create(ask('gpt-4o'))).content[0].text, text);
  });

  await t.test('an error within a stream throws with its type', async () => {
    await gate.script({ fault: 'error', after: 4 });
    await assert.rejects(sdk.messages.stream(ask('claude-sonnet-4-5')).finalMessage(), (error) => error instanceof Anthropic.APIError);
  });
});
