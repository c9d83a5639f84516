// LangChain for JavaScript against the real binary, through its OpenAI and Anthropic integrations.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatAnthropic } from '@langchain/anthropic';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { Gatehouse } from '../lib/gatehouse.mjs';

const text = 'Hello from the fake provider.';
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

test('LangChain for JavaScript', async (t) => {
  const gate = await Gatehouse.start(t);
  const newKey = async (fields = {}) => (await gate.admin('/key/generate', fields)).key;
  const key = await newKey();
  const openai = (model, apiKey = key) => new ChatOpenAI({ model, apiKey, maxRetries: 0, configuration: { baseURL: `${gate.url}/v1` } });
  const anthropic = (model, apiKey = key) => new ChatAnthropic({ model, apiKey, maxRetries: 0, maxTokens: 100, anthropicApiUrl: gate.url });
  const last = async () => (await gate.upstream()).at(-1);
  const weather = tool(async ({ city }) => `7 degrees in ${city}`, { name: 'weather', description: 'Tells the weather.', schema: z.object({ city: z.string() }) });

  const models = {
    'OpenAI': openai('gpt-4o'), 'OpenAI, Anthropic behind it': openai('claude-sonnet-4-5'),
    'Anthropic': anthropic('claude-sonnet-4-5'), 'Anthropic, OpenAI behind it': anthropic('gpt-4o'),
  };
  for (const [name, model] of Object.entries(models)) {
    await t.test(`${name}: a message`, async () => {
      await gate.reset();
      const answer = await model.invoke('Hello');
      assert.equal(answer.text, text);
      assert.equal(answer.usage_metadata.total_tokens, 30);
    });

    await t.test(`${name}: a stream`, async () => {
      let got = '';
      for await (const chunk of await model.stream('Hello')) got += chunk.text;
      assert.equal(got, text);
    });

    await t.test(`${name}: tools there and back`, async () => {
      await gate.reset();
      await gate.script({ tool_calls: [{ id: 'call_abc', name: 'weather', arguments: '{"city":"Oslo"}' }] }, { text: 'It is 7 degrees.' });
      const able = model.bindTools([weather]);
      const asked = [new HumanMessage('Weather?')];
      const first = await able.invoke(asked);
      assert.deepEqual(first.tool_calls[0].args, { city: 'Oslo' });
      const result = await weather.invoke(first.tool_calls[0]);
      assert.ok(result instanceof ToolMessage);
      assert.equal((await able.invoke([...asked, first, result])).text, 'It is 7 degrees.');
      assert.ok((await last()).body.includes('7 degrees in Oslo'));
    });

    await t.test(`${name}: an image`, async () => {
      await model.invoke([new HumanMessage({ content: [{ type: 'text', text: 'What?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }] })]);
      assert.ok((await last()).body.includes(pixel));
    });

    await t.test(`${name}: a schema`, async () => {
      await gate.reset();
      await gate.script(name.startsWith('OpenAI') ? { text: '{"city":"Oslo"}' } : { tool_calls: [{ id: 'call_s', name: 'extract', arguments: '{"city":"Oslo"}' }] });
      const method = name.startsWith('OpenAI') ? 'jsonSchema' : 'functionCalling';
      assert.deepEqual(await model.withStructuredOutput(z.object({ city: z.string() }), { method, name: 'extract' }).invoke('Where?'), { city: 'Oslo' });
    });
  }

  await t.test('embeddings', async () => {
    const model = new OpenAIEmbeddings({ model: 'text-embedding-3-small', apiKey: key, maxRetries: 0, configuration: { baseURL: `${gate.url}/v1` } });
    const vectors = await model.embedDocuments(['a', 'b']);
    assert.deepEqual(vectors[1].slice(0, 2), [2, 1]);
  });

  const refusals = [
    ['unknown key', openai('gpt-4o', 'sk-unknown-0123456789abcdef'), 401], ['unknown model', openai('gpt-9'), 404],
    ['unknown key at Anthropic', anthropic('gpt-4o', 'sk-unknown-0123456789abcdef'), 401],
    ['model not allowed', openai('gpt-4o', await newKey({ models: ['gpt-4o-mini'] })), 403],
    ['budget used up', openai('gpt-4o', await newKey({ max_budget: 0 })), 429],
  ];
  for (const [name, model, status] of refusals) {
    await t.test(name, async () => {
      const error = await model.invoke('Hello').then(() => assert.fail('the call went through'), (e) => e);
      assert.equal(error.status ?? error.cause?.status, status, error.message);
    });
  }
});
